<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Operations on the configuration array: set, delete, arrange. Everything malformed is refused before anything is done.

const PFRACK_CDATA = '~^(aclname|auth_pass|auth_prompt|auth_user|certca|certname|city|common_name|descr|detail|email|'
    . 'encryption_password|hint|ldap_|ldapbind|login_banner|organization|password|rangedescr|state|text|username|'
    . 'varusers)~';

function pfrack_apply_operations(array $config, array $operations): array
{
    foreach ($operations as $number => $operation) {
        if (!is_array($operation)) {
            throw new PfrackError('invalid', "operation $number is not an object");
        }
        $path = pfrack_check_path($operation['path'] ?? null, $number);
        $name = implode('/', $path);
        switch ($operation['op'] ?? null) {
            case 'set':
                if (!array_key_exists('value', $operation)) {
                    throw new PfrackError('invalid', "operation $number (set $name) has no value");
                }
                pfrack_put($config, $path, pfrack_clean_value($operation['value'], $path), $name);
                break;
            case 'delete':
                pfrack_delete($config, $path);
                break;
            case 'arrange':
                pfrack_put($config, $path, pfrack_arranged($config, $path, $operation['items'] ?? null, $name), $name);
                break;
            default:
                throw new PfrackError('invalid', "operation $number on $name: op is set, delete or arrange");
        }
    }
    return $config;
}

/** @param mixed $path */
function pfrack_check_path($path, $number): array
{
    if (!is_array($path) || count($path) === 0 || array_keys($path) !== range(0, count($path) - 1)
        || !is_string($path[0])) {
        throw new PfrackError('invalid', "operation $number needs a path: a list that starts with a name");
    }
    foreach ($path as $part) {
        if (is_int($part) ? $part < 0 : (!is_string($part) || !pfrack_is_name($part))) {
            throw new PfrackError('invalid', "operation $number: " . json_encode($part) . ' cannot stand in a path');
        }
    }
    if (in_array($path[0], ['version', 'revision'], true)) {
        throw new PfrackError('invalid', "operation $number: $path[0] belongs to pfSense itself");
    }
    return $path;
}

/** Element names come back in lower case, so others would not survive a write. */
function pfrack_is_name(string $name): bool
{
    return preg_match('~^[a-z_][a-z0-9_.-]*$~D', $name) === 1;
}

/** @param mixed $value */
function pfrack_is_list($value): bool
{
    return is_array($value) && ($value === [] || array_keys($value) === range(0, count($value) - 1));
}

function pfrack_put(array &$config, array $path, $value, string $name): void
{
    $place = &$config;
    foreach ($path as $part) {
        if (!is_array($place)) {
            if ($place !== null && $place !== '' && $place !== '0') {
                throw new PfrackError('invalid', "$name: a text stands where '$part' should be inside");
            }
            $place = [];
        }
        if (is_int($part) && (!pfrack_is_list($place) || $part > count($place))) {
            throw new PfrackError('invalid', "$name: there is no list index $part");
        }
        if (is_string($part) && $place !== [] && pfrack_is_list($place)) {
            throw new PfrackError('invalid', "$name: '$part' is no index of a list");
        }
        $place = &$place[$part];
    }
    $place = $value;
}

function pfrack_delete(array &$config, array $path): void
{
    $last = array_pop($path);
    $place = &$config;
    foreach ($path as $part) {
        if (!is_array($place) || !array_key_exists($part, $place)) {
            return;
        }
        $place = &$place[$part];
    }
    if (!is_array($place)) {
        return;
    }
    if (is_int($last) && pfrack_is_list($place)) {
        array_splice($place, $last, 1);
    } else {
        unset($place[$last]);
    }
}

/** @param mixed $items */
function pfrack_arranged(array $config, array $path, $items, string $name): array
{
    if (!is_array($items) || !pfrack_is_list($items)) {
        throw new PfrackError('invalid', "arrange $name needs 'items', a list");
    }
    $current = pfrack_value_at($config, $path);
    if (!is_array($current) && $current !== null && $current !== '') {
        throw new PfrackError('invalid', "arrange $name: a text stands there");
    }
    $current = is_array($current) ? array_values($current) : [];
    $result = [];
    $kept = [];
    foreach ($items as $number => $item) {
        if (is_array($item) && array_keys($item) === ['keep']) {
            $index = $item['keep'];
            if (!is_int($index) || !array_key_exists($index, $current) || isset($kept[$index])) {
                throw new PfrackError('invalid', "arrange $name: " . json_encode($index) . ' cannot be kept');
            }
            $kept[$index] = true;
            $result[] = $current[$index];
        } elseif (is_array($item) && array_keys($item) === ['value']) {
            $result[] = pfrack_clean_value($item['value'], array_merge($path, [$number]));
        } else {
            throw new PfrackError('invalid', "arrange $name: item $number has neither keep nor value");
        }
    }
    pfrack_check_shape($result, $path);
    return $result;
}

/** Only what survives a write and a read: texts, objects with lower case names, lists under list tags. */
function pfrack_clean_value($value, array $path)
{
    $name = implode('/', $path);
    if (is_int($value)) {
        return (string)$value;
    }
    if ($value === true) {
        return '';
    }
    if (is_string($value)) {
        pfrack_check_text($value, $path, $name);
        return $value;
    }
    if (!is_array($value)) {
        throw new PfrackError('invalid', "$name: " . json_encode($value) . ' cannot be stored in config.xml');
    }
    $list = pfrack_is_list($value);
    $clean = [];
    foreach ($value as $key => $item) {
        if (!$list && (!is_string($key) || !pfrack_is_name($key))) {
            throw new PfrackError('invalid', "$name: '$key' cannot be an element name");
        }
        $clean[$key] = pfrack_clean_value($item, array_merge($path, [$key]));
    }
    pfrack_check_shape($clean, $path);
    return $clean;
}

/** A list under another name than pfSense's list tags makes the whole file unreadable, and so does the reverse. */
function pfrack_check_shape(array $value, array $path): void
{
    $tag = end($path);
    if ($value === [] || !is_string($tag) || !function_exists('listtags')) {
        return;
    }
    $tags = listtags();
    $is_list_tag = pfrack_is_list($tags) ? in_array($tag, $tags, true) : array_key_exists($tag, $tags);
    if (pfrack_is_list($value) !== $is_list_tag) {
        throw new PfrackError('invalid', implode('/', $path) . ($is_list_tag ? ' has to be a list' : ' cannot be a list'));
    }
}

function pfrack_check_text(string $text, array $path, string $name): void
{
    if (preg_match('~[\x00-\x08\x0b\x0c\x0e-\x1f]~', $text) === 1) {
        throw new PfrackError('invalid', "$name contains a control character");
    }
    $tag = '';
    foreach ($path as $part) {
        $tag = is_string($part) ? $part : $tag;
    }
    // Up to 2.8 pfSense writes such letters as HTML entities, which XML knows only inside CDATA.
    if (preg_match('~[^\x00-\x7f]~', $text) === 1 && preg_match(PFRACK_CDATA, $tag) !== 1
        && version_compare(pfrack_text(pfrack_at(['version'])), '24.5', '<')) {
        throw new PfrackError('invalid', "$name: this pfSense can store only ASCII there");
    }
}
