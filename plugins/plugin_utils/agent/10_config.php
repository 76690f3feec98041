<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Reading the configuration: pfSense's own functions, its global array, and the file's hash as the revision.

const PFRACK_CONFIG = '/cf/conf/config.xml';

function pfrack_uid(): int
{
    return function_exists('posix_geteuid') ? posix_geteuid() : (int)trim((string)shell_exec('/usr/bin/id -u'));
}

function pfrack_version(): string
{
    return trim((string)@file_get_contents('/etc/version'));
}

function pfrack_product(): string
{
    $label = function_exists('g_get') ? g_get('product_label') : null;
    return is_string($label) && $label !== '' ? $label : 'pfSense';
}

/** Load pfSense's libraries once; refuse what we cannot work on. */
function pfrack_load(): void
{
    if (Pfrack::$loaded) {
        return;
    }
    if (!is_file('/etc/inc/config.inc')) {
        throw new PfrackError('unsupported', 'this machine is not a pfSense router: /etc/inc/config.inc is missing');
    }
    if (pfrack_uid() !== 0) {
        throw new PfrackError('privilege', 'the agent runs as uid ' . pfrack_uid()
            . ', but only root may change the configuration: connect as admin or root');
    }
    if (file_exists('/var/run/booting')) {
        throw new PfrackError('busy', 'the router is still booting: try again when it is up');
    }
    foreach (['config.inc', 'functions.inc', 'util.inc', 'notices.inc', 'interfaces.inc', 'services.inc', 'filter.inc',
        'system.inc', 'pkg-utils.inc', 'service-utils.inc', 'unbound.inc'] as $file) {
        if (stream_resolve_include_path($file) !== false) {
            pfrack_require($file);
        } elseif (is_file("/etc/inc/$file")) {
            pfrack_require("/etc/inc/$file");
        }
    }
    ini_set('display_errors', '0');
    if (!function_exists('config_get_path')) {
        throw new PfrackError('unsupported', 'pfSense ' . pfrack_version() . ' is too old: 2.7 or newer is needed');
    }
    Pfrack::$loaded = true;
}

/** Include a pfSense library as if at top level: its plain variables have to become globals. */
function pfrack_require(string $pfrack_file): void
{
    foreach (array_keys($GLOBALS) as $pfrack_name) {
        if (!in_array($pfrack_name, ['GLOBALS', 'this', 'pfrack_file', 'pfrack_name', 'pfrack_value'], true)) {
            global $$pfrack_name;
        }
    }
    $before = Pfrack::$calling;
    Pfrack::$calling = 'require ' . basename($pfrack_file);
    require_once $pfrack_file;
    Pfrack::$calling = $before;
    unset($before);
    foreach (get_defined_vars() as $pfrack_name => $pfrack_value) {
        if (strpos($pfrack_name, 'pfrack_') !== 0 && !array_key_exists($pfrack_name, $GLOBALS)) {
            $GLOBALS[$pfrack_name] = $pfrack_value;
        }
    }
}

/** Read config.xml again, past every cache. The function for it changed its name and its manners. */
function pfrack_reread(): void
{
    global $config;
    @unlink('/tmp/config.cache');
    if (function_exists('config_read_file')) {
        $done = pfrack_call('config_read_file', [true]);
    } else {
        $fresh = pfrack_call('parse_config', [true]);
        $done = is_array($fresh);
        if ($done) {
            $config = $fresh;
        }
    }
    if ($done === false || !is_array($config) || count($config) === 0) {
        throw new PfrackError('internal', 'config.xml could not be read', 'config_read_file');
    }
}

function pfrack_revision(): string
{
    clearstatcache();
    $hash = @hash_file('sha256', PFRACK_CONFIG);
    if (!is_string($hash)) {
        throw new PfrackError('internal', PFRACK_CONFIG . ' cannot be read');
    }
    return $hash;
}

/** Reread until the file did not change meanwhile, so that revision and memory belong together. */
function pfrack_snapshot(): string
{
    global $config;
    for ($try = 0; $try < 5; $try++) {
        $before = pfrack_revision();
        if ($before === Pfrack::$read_revision) {
            // The same file: whatever was done to the memory since, this is what was read from it.
            $config = Pfrack::$read_config;
            return $before;
        }
        pfrack_reread();
        if (pfrack_revision() === $before) {
            Pfrack::$read_revision = $before;
            Pfrack::$read_config = $config;
            return $before;
        }
    }
    throw new PfrackError('busy', 'config.xml kept changing while it was read');
}

/** @return mixed the value at a path, or null */
function pfrack_at(array $path)
{
    global $config;
    return pfrack_value_at($config, $path);
}

/** @param mixed $value */
function pfrack_value_at($value, array $path)
{
    foreach ($path as $part) {
        if (!is_array($value) || !array_key_exists($part, $value)) {
            return null;
        }
        $value = $value[$part];
    }
    return $value;
}

/** @param mixed $value a list of arrays, whatever the XML left there */
function pfrack_items($value): array
{
    return is_array($value) ? array_values(array_filter($value, 'is_array')) : [];
}

/** @param mixed $value */
function pfrack_text($value): string
{
    return is_scalar($value) ? (string)$value : '';
}

/** A flag counts as set when the element is there, even when it is empty. */
function pfrack_enabled(array $path): bool
{
    $section = pfrack_at($path);
    return is_array($section) && isset($section['enable']);
}

function pfrack_op_read(array $params): array
{
    $paths = $params['paths'] ?? null;
    if (!is_array($paths)) {
        throw new PfrackError('invalid', "read needs 'paths', a list");
    }
    $revision = pfrack_snapshot();
    $sections = [];
    foreach ($paths as $path) {
        if (!is_string($path) || $path === '') {
            throw new PfrackError('invalid', 'a path is a text such as dhcpd/lan');
        }
        $value = pfrack_at(explode('/', $path));
        pfrack_check_encoding($value, $path);
        $sections[$path] = $value;
    }
    return ['revision' => $revision, 'sections' => (object)$sections, 'info' => pfrack_info($revision)];
}

/** Text that is not UTF-8 cannot travel as JSON; substituting it would lose data on the way back. */
function pfrack_check_encoding($value, string $path): void
{
    if (is_string($value) && preg_match('//u', $value) !== 1) {
        throw new PfrackError('invalid', "the text at $path in config.xml is not UTF-8; correct it in the GUI");
    }
    if (is_array($value)) {
        foreach ($value as $key => $item) {
            pfrack_check_encoding($item, "$path/$key");
        }
    }
}
