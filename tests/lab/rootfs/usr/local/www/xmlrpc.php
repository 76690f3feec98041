<?php
/* pfrack lab: XML-RPC as high availability peers use it. */

require_once('config.inc');
require_once('functions.inc');
require_once('auth.inc');
require_once('filter.inc');
require_once('shaper.inc');
require_once('pkg-utils.inc');
require_once('services.inc');
require_once('lab/xmlrpc_restore.inc');
require_once('lab/webauth.inc');
require_once('/usr/local/share/pfrack-lab/xmlrpc_values.inc');

class LabFault extends Exception
{
}

class LabXmlrpc
{
    /** The methods below; the real server knows them with this prefix only. */
    public const PREFIX = 'pfsense.';

    public function authenticate(): void
    {
        $name = $_SERVER['PHP_AUTH_USER'] ?? '';
        if (!lab_password_is($name, $_SERVER['PHP_AUTH_PW'] ?? '')) {
            lab_login_failed($name);
            throw new LabFault('Authentication failed: Invalid username or password', -1);
        }
        $user = lab_user($name);
        if ($user['uid'] !== '0' && !in_array('system-xmlrpc-ha-sync', lab_privileges($user))) {
            log_auth("webConfigurator authentication error for '{$name}' from {$_SERVER['REMOTE_ADDR']} not enough privileges");
            throw new LabFault('Authentication failed: not enough privileges', -2);
        }
    }

    public function exec_php($code)
    {
        eval($code);
        // A missing, empty or zero answer is indistinguishable from success.
        return ($toreturn ?? false) ?: true;
    }

    public function exec_shell($code)
    {
        mwexec($code);
        return true;
    }

    public function host_firmware_version()
    {
        return ['firmware' => ['version' => trim(file_get_contents('/etc/version'))],
            'config_version' => config_get_path('version')];
    }

    public function backup_config_section($sections)
    {
        global $config;
        return array_intersect_key($config, array_flip($sections));
    }

    public function restore_config_section($sections, $timeout = 0)
    {
        if (config_get_path('hasync/synchronizetoip') === $_SERVER['REMOTE_ADDR']) {
            log_error('Disallowing CARP sync loop');
            return true;
        }
        lab_restore_sections($sections);
        return true;
    }
}

ignore_user_abort(true);
set_time_limit(0);
$lock = lock('xmlrpc', LOCK_EX);
header('Content-type: text/xml; charset=utf-8');
$head = '<?xml version="1.0" encoding="utf-8"?' . '><methodResponse>';
try {
    $call = @simplexml_load_string((string)file_get_contents('php://input'));
    if ($call === false) {
        throw new LabFault('The request is no XML', -32700);
    }
    $server = new LabXmlrpc();
    $method = (string)$call->methodName;
    $name = substr($method, strlen(LabXmlrpc::PREFIX));
    if (strpos($method, LabXmlrpc::PREFIX) !== 0 || !is_callable([$server, $name])) {
        throw new LabFault("Requested method {$method} does not exist", -32601);
    }
    $server->authenticate();
    $arguments = [];
    foreach ($call->params->param ?? [] as $parameter) {
        $arguments[] = lab_xmlrpc_decode($parameter->value);
    }
    $result = lab_xmlrpc_encode($server->$name(...$arguments));
    echo "{$head}<params><param>{$result}</param></params></methodResponse>";
} catch (LabFault $fault) {
    $struct = lab_xmlrpc_encode(['faultCode' => $fault->getCode(), 'faultString' => $fault->getMessage()]);
    echo "{$head}<fault>{$struct}</fault></methodResponse>";
}
unlock($lock);
