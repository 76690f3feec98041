<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Small things that runs tell later runs: kept until the router restarts, never in the configuration.

const PFRACK_NOTES = '/tmp/pfrack_notes';
const PFRACK_NOTE_BYTES = 1048576;

/** The text under a name ("" for none); with `text` it becomes that one. Empty texts leave no file. */
function pfrack_op_note(array $params): array
{
    $name = pfrack_text($params['name'] ?? '');
    $text = $params['text'] ?? null;
    if (preg_match('~^[A-Za-z0-9_.-]{1,80}$~D', $name) !== 1 || ($text !== null && !is_string($text))
        || strlen((string)$text) > PFRACK_NOTE_BYTES) {
        throw new PfrackError('invalid', "note needs a 'name', and perhaps a 'text' of at most a megabyte");
    }
    $directory = PFRACK_NOTES;
    // /tmp is everybody's: nothing is believed or written there that is not root's own.
    if (is_link($directory) || (is_dir($directory) && fileowner($directory) !== 0)) {
        throw new PfrackError('unsafe_path', "$directory is not root's own directory");
    }
    $file = "$directory/n_$name";
    if ($text === '') {
        @unlink($file);
        @rmdir($directory);
        return ['text' => ''];
    }
    if ($text !== null) {
        if (!is_dir($directory)) {
            mkdir($directory, 0700);
        }
        if (file_put_contents("$file.new", $text) !== strlen($text) || !rename("$file.new", $file)) {
            throw new PfrackError('no_space', "$file cannot be written");
        }
    }
    return ['text' => is_file($file) ? pfrack_utf8((string)file_get_contents($file)) : ''];
}

/** @return array<string, string> the notes whose names begin so, name => text */
function pfrack_noted(string $start): array
{
    $notes = [];
    foreach (glob(PFRACK_NOTES . "/n_$start*") ?: [] as $file) {
        $name = substr(basename($file), 2);
        $notes[$name] = pfrack_op_note(['name' => $name])['text'];
    }
    return $notes;
}
