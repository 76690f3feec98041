#!/bin/sh
# Sends one command to HAProxy's runtime socket and prints the answer.
exec /usr/local/bin/php -r '
require_once("haproxy/haproxy_socketinfo.inc");
echo implode("", haproxy_socket_command($argv[1]));' -- "$1"
