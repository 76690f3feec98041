<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Requests in, answers out. Carriers call pfrack_handle() once per request; nothing here knows how a request came.

const PFRACK_AGENT = '1';

class PfrackError extends Exception
{
    /** @var string */
    public $kind;
    /** @var string */
    public $in;
    /** @var string */
    public $detail;

    public function __construct(string $kind, string $message, string $in = '', string $detail = '')
    {
        parent::__construct($message);
        $this->kind = $kind;
        $this->in = $in;
        $this->detail = $detail;
    }
}

/** State that lives as long as this PHP process. */
final class Pfrack
{
    /** @var bool */
    public static $loaded = false;
    /** @var bool a session serves many requests and cleans up when it ends */
    public static $session = false;
    /** @var string the directory of a run without a session, '' in a session */
    public static $run = '';
    /** @var string the checkpoint whose holder we serve, '' without one */
    public static $holds = '';
    /** @var bool this process watches over a checkpoint */
    public static $watching = false;
    /** @var array<string, string> staging directory => root */
    public static $staged = [];
    /** @var array<string, bool> directories where big files arrive */
    public static $growing = [];
    /** @var array<string, array> device:inode => the openssl that hashes this file while it arrives */
    public static $hashing = [];
    /** @var array<string, bool> */
    public static $jobs = [];
    /** @var callable|null what must be undone if PHP dies in the middle of a commit */
    public static $recover = null;
    /** @var array|null the request being handled */
    public static $pending = null;
    /** @var callable|null how a dying process still answers */
    public static $emit = null;
    /** @var string the pfSense function being called, for messages */
    public static $calling = '';
    /** @var string the revision of config.xml when it was read last */
    public static $read_revision = '';
    /** @var array what was read then */
    public static $read_config = [];
}

function pfrack_environment(): void
{
    putenv('PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin');
    set_time_limit(0);
    ignore_user_abort(true);
    ini_set('display_errors', '0');
    ini_set('html_errors', '0');
    register_shutdown_function('pfrack_shutdown');
}

/** Answer one request. Never throws, never prints. */
function pfrack_handle(array $request): array
{
    static $ready = false;
    if (!$ready) {
        $ready = true;
        pfrack_environment();
    }
    $id = $request['id'] ?? null;
    Pfrack::$pending = ['id' => $id];
    Pfrack::$calling = '';
    $level = ob_get_level();
    ob_start();
    try {
        $op = $request['op'] ?? '';
        $params = $request['params'] ?? [];
        if (!is_string($op) || !is_array($params)) {
            throw new PfrackError('invalid', 'a request needs an op and params');
        }
        $answer = ['id' => $id, 'ok' => true, 'result' => pfrack_dispatch($op, $params)];
    } catch (Throwable $error) {
        $answer = ['id' => $id, 'ok' => false, 'error' => pfrack_error($error)];
    }
    $printed = '';
    while (ob_get_level() > $level) {
        $printed = ob_get_clean() . $printed;
    }
    if (!$answer['ok'] && $answer['error']['detail'] === '') {
        $answer['error']['detail'] = pfrack_plain($printed);
    }
    Pfrack::$pending = null;
    return $answer;
}

/** An answer as JSON text. */
function pfrack_encode(array $answer): string
{
    $flags = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION;
    $text = json_encode($answer, $flags, 512);
    if ($text === false) {
        $text = (string)json_encode(['id' => $answer['id'] ?? null, 'ok' => false, 'error' => ['kind' => 'internal',
            'message' => 'the answer cannot be sent as JSON: ' . json_last_error_msg(), 'function' => 'json_encode',
            'detail' => '']]);
    }
    return $text;
}

/** @return mixed */
function pfrack_dispatch(string $op, array $params)
{
    $ops = ['hello', 'info', 'read', 'commit', 'package_start', 'job', 'tree', 'stage', 'put', 'publish', 'unstage', 'pull',
        'incoming', 'hash', 'adopt', 'unpack', 'point', 'mentions',
        'haproxy_state', 'haproxy_runtime', 'haproxy_wait', 'leases', 'boot_files', 'boot_trace', 'probe', 'note', 'wait',
        'checkpoint', 'confirm', 'rollback', 'checkpoint_status', 'revisions', 'bye'];
    if (!in_array($op, $ops, true)) {
        throw new PfrackError('invalid', "unknown op '$op'");
    }
    if ($op !== 'bye') {
        pfrack_load();
    }
    pfrack_checkpoint_guard($op, $params);
    try {
        return call_user_func('pfrack_op_' . $op, $params);
    } finally {
        pfrack_pulse();
    }
}

function pfrack_op_hello(array $params): array
{
    $others = pfrack_other_runs(pfrack_text($params['origin'] ?? ''));
    return [
        'agent' => PFRACK_AGENT,
        'uid' => pfrack_uid(),
        'version' => pfrack_version(),
        'product' => pfrack_product(),
        'php' => PHP_VERSION,
        'config_version' => pfrack_text(pfrack_at(['version'])),
    ] + ($others === [] ? [] : ['runs' => $others]);
}

function pfrack_op_bye(array $params): array
{
    pfrack_clean_up();
    if (Pfrack::$run !== '') {
        pfrack_end_run(Pfrack::$run);
    }
    return ['bye' => true];
}

function pfrack_error(Throwable $error): array
{
    if ($error instanceof PfrackError) {
        $in = $error->in !== '' ? $error->in : Pfrack::$calling;
        return ['kind' => $error->kind, 'message' => pfrack_utf8($error->getMessage()), 'function' => $in,
            'detail' => pfrack_utf8($error->detail)];
    }
    $in = Pfrack::$calling;
    foreach ($error->getTrace() as $frame) {
        if ($in === '' && isset($frame['function']) && $frame['function'] !== 'require_once') {
            $in = $frame['function'];
        }
    }
    $where = basename($error->getFile()) . ':' . $error->getLine();
    return ['kind' => 'internal', 'message' => get_class($error) . ': ' . pfrack_utf8($error->getMessage()),
        'function' => $in, 'detail' => $where];
}

/** Call a pfSense function; whatever it prints is returned in $printed as plain text. */
function pfrack_call(string $function, array $arguments = [], string &$printed = '')
{
    if (!function_exists($function)) {
        throw new PfrackError('unsupported', "this pfSense has no function $function()", $function);
    }
    $before = Pfrack::$calling;
    Pfrack::$calling = $function;
    ob_start();
    try {
        $result = call_user_func_array($function, $arguments);
    } finally {
        $printed = pfrack_plain((string)ob_get_clean());
    }
    Pfrack::$calling = $before;
    return $result;
}

/** Run a command; returns [exit code, output]. */
function pfrack_run(array $command): array
{
    $output = [];
    $code = -1;
    exec(implode(' ', array_map('escapeshellarg', $command)) . ' </dev/null 2>&1', $output, $code);
    return [$code, pfrack_plain(implode("\n", $output))];
}

/** HTML fragments and control characters off, so that a person can read it. */
function pfrack_plain(string $text): string
{
    $text = preg_replace('~<\s*(br|/p|/div|/li)\s*/?>~i', "\n", $text) ?? '';
    $text = html_entity_decode(strip_tags($text), ENT_QUOTES, 'UTF-8');
    $text = preg_replace('~[\x00-\x08\x0b-\x1f\x7f]~', '', $text) ?? '';
    $text = trim(preg_replace('~\n\s*\n+~', "\n", $text) ?? '');
    return strlen($text) > 8000 ? '…' . substr($text, -8000) : $text;
}

/** Messages may be cut anywhere; they must still be JSON. Data never goes through here. */
function pfrack_utf8(string $text): string
{
    return preg_match('//u', $text) === 1 ? $text : (preg_replace('~[^\x09\x0a\x20-\x7e]~', '?', $text) ?? '');
}

/** A dying process still answers, and first puts back what it was in the middle of. */
function pfrack_shutdown(): void
{
    $printed = '';
    while (ob_get_level() > 0) {
        $printed = ob_get_clean() . $printed;
    }
    if (Pfrack::$pending !== null) {
        $last = error_get_last();
        $message = 'PHP ended in the middle of the request';
        if ($last !== null && ($last['type'] & (E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR | E_USER_ERROR))) {
            $message = $last['message'] . ' (' . basename($last['file']) . ':' . $last['line'] . ')';
        }
        $function = Pfrack::$calling;
        $kind = 'internal';
        if (Pfrack::$recover !== null) {
            $recover = Pfrack::$recover;
            Pfrack::$recover = null;
            ob_start();
            try {
                $message .= '; ' . $recover();
                $kind = 'apply_failed';
            } catch (Throwable $error) {
                $message .= '; putting the previous configuration back failed: ' . $error->getMessage();
            }
            $printed .= (string)ob_get_clean();
        }
        if (Pfrack::$emit !== null) {
            (Pfrack::$emit)(['id' => Pfrack::$pending['id'], 'ok' => false, 'error' => ['kind' => $kind,
                'message' => pfrack_utf8($message), 'function' => $function, 'detail' => pfrack_plain($printed)]]);
        }
    }
    if (Pfrack::$session) {
        pfrack_clean_up();
    }
}

function pfrack_clean_up(): void
{
    pfrack_checkpoint_left();
    foreach (array_keys(Pfrack::$staged) as $directory) {
        pfrack_remove_tree($directory);
    }
    Pfrack::$staged = [];
    foreach (array_keys(Pfrack::$jobs) as $job) {
        pfrack_leave_job((string)$job);
    }
    Pfrack::$jobs = [];
}
