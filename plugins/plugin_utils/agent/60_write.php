<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Writing config.xml through write_config(): never over what somebody saved meanwhile, never what cannot be read again.

/** A write needs room for the new file and for the backup; half a file would be worse than none. */
function pfrack_check_space(): void
{
    $need = 3 * (int)filesize(PFRACK_CONFIG) + 65536;
    foreach ([dirname(PFRACK_CONFIG), '/tmp'] as $place) {
        $free = @disk_free_space($place);
        if ($free !== false && $free < $need) {
            throw new PfrackError('no_space', "$place has only " . (int)$free . " bytes free, a change needs $need: "
                . 'nothing was changed', 'write_config');
        }
    }
}

/** A text that pfSense asks for while it holds its lock on config.xml: the last moment to see that somebody saved. */
final class PfrackGuard
{
    public bool $asked = false;

    public function __construct(private string $text, private string $revision)
    {
    }

    public function __toString(): string
    {
        if (!$this->asked && pfrack_revision() !== $this->revision) {
            pfrack_reread();
            pfrack_conflict();
        }
        $this->asked = true;
        return $this->text;
    }
}

/** Put a guard in the place of some text that write_config() uses for nothing else. */
function pfrack_guarded(array $config, PfrackGuard $guard, array $path): array
{
    $path === [] || pfrack_put($config, $path, $guard, 'guard');
    return $config;
}

function pfrack_guard_path(array $config): array
{
    foreach ($config as $name => $value) {
        if (is_string($value) && $name !== 'version') {
            return [$name];
        }
    }
    return is_string($config['system']['hostname'] ?? null) ? ['system', 'hostname'] : [];
}

/** Reads what write_config() would write, without a file that could be full of secrets or not fit on the disk. */
final class PfrackDraft
{
    public static string $text = '';
    /** @var resource|null */
    public $context;
    private int $at = 0;

    public function stream_open(string $path, string $mode, int $options, ?string &$opened): bool
    {
        return true;
    }

    public function stream_read(int $count): string
    {
        $piece = substr(self::$text, $this->at, $count);
        $this->at += strlen($piece);
        return $piece;
    }

    public function stream_eof(): bool
    {
        return $this->at >= strlen(self::$text);
    }

    public function stream_stat(): array
    {
        return ['size' => strlen(self::$text)];
    }
}

/** pfSense writes some texts so that it reads them back as others, or not at all. Nobody else's may be among them. */
function pfrack_check_readable(array $old, array $new): void
{
    if (!function_exists('dump_xml_config') || !function_exists('parse_xml_config')) {
        return;
    }
    $root = pfrack_text(g_get('xml_rootobj')) ?: 'pfsense';
    in_array('pfrack-draft', stream_get_wrappers(), true) || stream_wrapper_register('pfrack-draft', 'PfrackDraft');
    PfrackDraft::$text = pfrack_text(pfrack_call('dump_xml_config', [$new, $root]));
    $read = pfrack_call('parse_xml_config', ['pfrack-draft://config.xml', [$root]]);
    PfrackDraft::$text = '';
    if (!is_array($read)) {
        throw new PfrackError('refused', 'config.xml holds a text that this pfSense cannot read any more after it has '
            . 'saved it (letters with accents outside of descriptions do that): any change, in the GUI too, would lose '
            . 'the whole configuration; nothing was changed' . pfrack_unsafe_texts($new), 'parse_xml_config');
    }
    $lost = [];
    pfrack_differences(pfrack_without_empty($new), pfrack_without_empty($read), [], $lost);
    foreach ($lost as [$path, $should]) {
        if (!in_array($should, [null, ''], true)
            && pfrack_same(pfrack_without_empty(pfrack_value_at($old, $path)), $should)) {
            throw new PfrackError('refused', implode('/', $path) . ': pfSense would not keep this as it is, whoever '
                . 'saves the configuration; correct it in the GUI first. Nothing was changed', 'dump_xml_config');
        }
    }
}

/** As pfSense would keep it: of lists nothing but their entries. @param mixed $value */
function pfrack_without_empty($value)
{
    if (!is_array($value)) {
        return $value === null ? null : pfrack_canonical($value);
    }
    $list = pfrack_is_list($value);
    $kept = array_filter(array_map('pfrack_without_empty', $value), static function ($item) use ($list): bool {
        return $item !== null && !($list && $item === '');
    });
    return $kept !== [] ? ($list ? array_values($kept) : $kept) : ($list ? null : '');
}

/** Where such texts stand, as far as that can be told. */
function pfrack_unsafe_texts(array $config, string $place = ''): string
{
    foreach ($config as $name => $value) {
        $here = ltrim("$place/$name", '/');
        $found = is_array($value) ? pfrack_unsafe_texts($value, $here) : '';
        if (is_string($value) && preg_match('~[^\x00-\x7f]~', $value) === 1
            && preg_match(PFRACK_CDATA, (string)$name) !== 1) {
            $found = ": look at $here";
        }
        if ($found !== '') {
            return $found;
        }
    }
    return '';
}

/**
 * Write, and believe only the file. On failure memory and file are as before. With $quiet the other router of a pair is
 * told nothing.
 * Returns whether memory now holds what was written, and nothing that somebody saved right after.
 */
function pfrack_write(string $description, array $old, string $revision, bool $quiet = false): bool
{
    global $config;
    $changes = [];
    pfrack_differences(pfrack_canonical($old), pfrack_canonical($config), [], $changes);
    $printed = '';
    $path = pfrack_guard_path($config);
    $guard = new PfrackGuard(pfrack_text(pfrack_value_at($config, $path)), $revision);
    $config = pfrack_guarded($config, $guard, $path);
    try {
        $result = pfrack_call('write_config', $quiet ? [$description, true, true] : [$description], $printed);
    } catch (Throwable $error) {
        $config = $old;
        throw $error;
    }
    clearstatcache();
    $whole = is_array($result) && pfrack_revision() !== $revision
        && strpos((string)@file_get_contents(PFRACK_CONFIG), '</pfsense>') !== false;
    if ($whole && strpos(pfrack_text(pfrack_at(['revision', 'description'])), $description) !== false) {
        return true;
    }
    if ($whole && $guard->asked) {
        pfrack_still_there($changes);
        return false;
    }
    $same = pfrack_revision() === $revision;
    $config = $old;
    $message = $result === false
        ? 'pfSense refuses to write the configuration (a factory reset is pending, or the user may not write)'
        : 'the configuration could not be written';
    $free = @disk_free_space(dirname(PFRACK_CONFIG));
    throw new PfrackError($free !== false && $free < 65536 ? 'no_space' : 'internal', $message
        . ($same ? ': nothing was changed' : ': check ' . PFRACK_CONFIG . ' on the router'), 'write_config', $printed);
}

/** Somebody saved right after us: on top of our change, or without having seen it, so that it is gone. */
function pfrack_still_there(array $changes): void
{
    pfrack_snapshot();
    foreach ($changes as [$path, $before]) {
        if (pfrack_same(pfrack_canonical(pfrack_at($path)), $before)) {
            pfrack_conflict();
        }
    }
}
