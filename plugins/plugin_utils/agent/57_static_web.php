<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// A web server for files, beside the one of the GUI. Its settings are in the configuration, its files are made from
// them, as packages do it. /etc/rc.start_packages starts every *.sh in rc.d, at boot and after an address change.

const PFRACK_WEB_SECTION = ['installedpackages', 'pfrack_static_web'];
const PFRACK_WEB_RC = '/usr/local/etc/rc.d/pfrack_static_web.sh';
const PFRACK_WEB_CONF = '/usr/local/etc/pfrack_static_web.conf';
// The script that restarts the GUI kills what has its number in a file nginx*.pid.
const PFRACK_WEB_PID = '/var/run/pfrack_static_web.pid';
const PFRACK_WEB_LOG = '/var/log/pfrack_static_web.log';

/** @return array{address: string, port: string, directory: string}|null null when it shall not be there */
function pfrack_web_settings(): ?array
{
    $section = pfrack_at(PFRACK_WEB_SECTION);
    if (!is_array($section) || !isset($section['enable'])) {
        return null;
    }
    $settings = [];
    foreach (['address', 'port', 'directory'] as $name) {
        $settings[$name] = pfrack_text($section[$name] ?? '');
    }
    $good = filter_var($settings['address'], FILTER_VALIDATE_IP) !== false
        && preg_match('~^[1-9]\d{0,4}$~D', $settings['port']) === 1
        && preg_match('~^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$~D', $settings['directory']) === 1;
    if (!$good) {
        throw new PfrackError('invalid', 'the settings at ' . implode('/', PFRACK_WEB_SECTION) . ' make no sense');
    }
    pfrack_check_root($settings['directory']);
    return $settings;
}

function pfrack_web_nginx(): string
{
    foreach (['/usr/local/sbin/nginx', '/usr/sbin/nginx'] as $binary) {
        if (is_file($binary)) {
            return $binary;
        }
    }
    throw new PfrackError('missing', 'nginx is not on the router', 'static_web');
}

/** What the daemon reads. */
function pfrack_web_conf(array $settings): string
{
    $user = function_exists('posix_getpwnam') ? posix_getpwnam('nobody') : false;
    $group = $user !== false ? posix_getgrgid($user['gid']) : false;
    $who = 'nobody ' . ($group !== false ? $group['name'] : 'nobody');
    $host = strpos($settings['address'], ':') !== false ? "[{$settings['address']}]" : $settings['address'];
    $pid = PFRACK_WEB_PID;
    $log = PFRACK_WEB_LOG;
    $withdrawal = pfrack_web_withdrawal();
    $format = pfrack_web_withdrawal_format();
    return <<<EOD
        # Made by pfrack from the configuration; changes are lost.
        user {$who};
        worker_processes 1;
        pid {$pid};
        error_log {$log} warn;
        events { worker_connections 512; }
        http {
            types { text/plain txt ipxe cfg; application/json json ign; }
            default_type application/octet-stream;
            access_log {$log};
            sendfile on;
            tcp_nopush on;
            server_tokens off;
            client_max_body_size 1k;
        {$format}    server {
                listen {$host}:{$settings['port']};
                root {$settings['directory']};
                disable_symlinks if_not_owner from=\$document_root;
                location / { limit_except GET { deny all; } }
        {$withdrawal}
                location ~ /\. { return 404; }
            }
        }

        EOD;
}

/** What starts it at boot. It may be called again at any time. */
function pfrack_web_rc(array $settings): string
{
    $withdrawal = pfrack_web_withdrawal_rc($settings['directory']);
    $nginx = pfrack_web_nginx();
    [$conf, $pid, $log] = [PFRACK_WEB_CONF, PFRACK_WEB_PID, PFRACK_WEB_LOG];
    return <<<EOD
        #!/bin/sh
        # Made by pfrack: files for the nodes over HTTP.

        # Whether the process of this file has that word in its command.
        is() { [ -s "\$1" ] && ps -ww -o command= -p "\$(cat "\$1")" 2> /dev/null | grep -q "\$2"; }

        alive() { is {$pid} {$conf}; }

        {$withdrawal}
        rc_start() {
            withdrawal_alive || withdrawal_start
            alive && return 0
            # Nothing else on the router rotates this log.
            [ -z "\$(find {$log} -size +2000 2> /dev/null)" ] || mv -f {$log} {$log}.0
            {$nginx} -c {$conf}
        }

        rc_stop() {
            withdrawal_stop
            alive || return 0
            kill -TERM "\$(cat {$pid})"
            for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
                alive || return 0
                sleep 0.2
            done
            return 1
        }

        case \$1 in
            start) rc_start ;;
            stop) rc_stop ;;
            restart) rc_stop && rc_start ;;
            status) alive && withdrawal_alive ;;
        esac

        EOD;
}

function pfrack_test_static_web(array $old): void
{
    $settings = pfrack_web_settings();
    if ($settings === null) {
        return;
    }
    $file = tempnam('/tmp', 'pfrack-web-');
    try {
        file_put_contents($file, pfrack_web_conf(pfrack_web_testable($settings)));
        // The test makes the file for the number when it is missing.
        $pid = is_file(PFRACK_WEB_PID);
        [$code, $words] = pfrack_run([pfrack_web_nginx(), '-t', '-q', '-c', $file]);
        if (!$pid) {
            @unlink(PFRACK_WEB_PID);
        }
    } finally {
        @unlink($file);
    }
    if ($code !== 0) {
        throw new PfrackError('refused', 'nginx refuses the configuration of the static web server', 'nginx -t', $words);
    }
}

/** The test binds the address, and that may be a virtual IP that comes with the same change. */
function pfrack_web_testable(array $settings): array
{
    foreach (pfrack_vips($GLOBALS['config']) as $vip) {
        if (@inet_pton(pfrack_text($vip['subnet'] ?? '')) === inet_pton($settings['address']) && !pfrack_vip_up($vip)) {
            $settings['address'] = '127.0.0.1';
        }
    }
    return $settings;
}

function pfrack_apply_static_web(array $old, array $services): string
{
    $settings = pfrack_web_settings();
    if ($settings === null) {
        return pfrack_web_remove();
    }
    pfrack_make_directory($settings['directory'], 0755);
    pfrack_web_write(PFRACK_WEB_CONF, pfrack_web_conf($settings), 0644);
    pfrack_web_write(PFRACK_WEB_RC, pfrack_web_rc($settings), 0755);
    $mark = pfrack_log_mark([basename(PFRACK_WEB_LOG)]);
    [$code, $words] = pfrack_run([PFRACK_WEB_RC, 'restart']);
    $up = $code === 0 && pfrack_wait(static function () use ($settings): bool {
        return pfrack_pid(PFRACK_WEB_PID) !== 0 && pfrack_web_answers($settings);
    }, 5.0);
    if (!$up) {
        pfrack_fail("the static web server did not start on {$settings['address']} port {$settings['port']}",
            PFRACK_WEB_RC, trim($words . "\n" . pfrack_log_tail($mark) . "\n" . pfrack_listeners((int)$settings['port'])));
    }
    return $words;
}

function pfrack_web_remove(): string
{
    $words = '';
    if (is_file(PFRACK_WEB_RC)) {
        [$code, $words] = pfrack_run([PFRACK_WEB_RC, 'stop']);
        if ($code !== 0) {
            pfrack_fail('the static web server is disabled but still runs', PFRACK_WEB_RC, $words);
        }
    }
    $files = [PFRACK_WEB_RC, PFRACK_WEB_CONF, PFRACK_WEB_LOG, PFRACK_WEB_LOG . '.0', PFRACK_WEB_PID, PFRACK_WITHDRAWN,
        PFRACK_WITHDRAWAL_PID];
    array_map(static fn($file) => @unlink($file), $files);
    return $words;
}

function pfrack_web_write(string $file, string $text, int $mode): void
{
    if (!is_dir(dirname($file))) {
        pfrack_make_directory(dirname($file), 0755);
    }
    $done = file_put_contents("$file.new", $text) === strlen($text) && chmod("$file.new", $mode)
        && rename("$file.new", $file);
    if (!$done) {
        @unlink("$file.new");
        pfrack_fail("cannot write $file", 'file_put_contents', pfrack_last_error());
    }
}

/** Whether our own server answers there: it says 404 for names with a dot, and nginx says who it is. */
function pfrack_web_answers(array $settings): bool
{
    $host = strpos($settings['address'], ':') !== false ? "[{$settings['address']}]" : $settings['address'];
    $socket = @stream_socket_client("tcp://$host:{$settings['port']}", $number, $text, 1.0);
    if ($socket === false) {
        return false;
    }
    stream_set_timeout($socket, 2);
    @fwrite($socket, "HEAD /.pfrack HTTP/1.0\r\nHost: $host\r\n\r\n");
    $answer = (string)@fread($socket, 512);
    fclose($socket);
    return preg_match('~^HTTP/1\.\d 404 .*^Server: nginx~ims', $answer) === 1;
}

/** For facts: whether it is wanted, and whether everything is as the configuration says. */
function pfrack_web_state(): array
{
    try {
        $settings = pfrack_web_settings();
        if ($settings === null) {
            return ['enabled' => false, 'in_order' => !is_file(PFRACK_WEB_RC) && !is_file(PFRACK_WEB_CONF)];
        }
        $same = (string)@file_get_contents(PFRACK_WEB_CONF) === pfrack_web_conf($settings)
            && (string)@file_get_contents(PFRACK_WEB_RC) === pfrack_web_rc($settings) && is_executable(PFRACK_WEB_RC);
        $withdraws = pfrack_web_has_dav() || pfrack_pid(PFRACK_WITHDRAWAL_PID) !== 0;
        return ['enabled' => true, 'in_order' => $same && $withdraws && pfrack_pid(PFRACK_WEB_PID) !== 0
            && pfrack_web_answers($settings)];
    } catch (PfrackError $error) {
        return ['enabled' => true, 'in_order' => false];
    }
}
