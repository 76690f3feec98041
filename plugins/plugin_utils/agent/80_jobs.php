<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Package installation takes minutes: it runs on its own, and is asked about. It writes config.xml by itself.

function pfrack_job_directory(string $job): string
{
    return "/tmp/pfrack-job-$job";
}

/** The session ends: a job that still runs goes on, may be asked about by a new session, and else cleans up itself. */
function pfrack_leave_job(string $job): void
{
    $directory = pfrack_job_directory($job);
    @touch("$directory/orphan");
    clearstatcache();
    $pid = (int)@file_get_contents("$directory/pid");
    if (is_file("$directory/code") || $pid <= 0 || !pfrack_alive($pid)) {
        pfrack_remove_tree($directory);
    }
}

/** @param mixed $names */
function pfrack_package_names($names): array
{
    $packages = [];
    foreach (is_array($names) ? $names : [] as $name) {
        if (!is_string($name) || preg_match('~^[A-Za-z0-9][A-Za-z0-9_.+-]*$~D', $name) !== 1) {
            throw new PfrackError('invalid', json_encode($name) . ' is not a package name');
        }
        $packages[] = strpos($name, 'pfSense-pkg-') === 0 ? $name : "pfSense-pkg-$name";
    }
    return $packages;
}

function pfrack_op_package_start(array $params): array
{
    $commands = [];
    foreach (['-r' => $params['remove'] ?? [], '-i' => $params['install'] ?? []] as $flag => $names) {
        foreach (pfrack_package_names($names) as $package) {
            $commands[] = "/usr/local/sbin/pfSense-upgrade -y $flag " . escapeshellarg($package);
        }
    }
    if ($commands === []) {
        throw new PfrackError('invalid', 'package_start needs packages to install or to remove');
    }
    if (!is_file('/usr/local/sbin/pfSense-upgrade')) {
        throw new PfrackError('missing', '/usr/local/sbin/pfSense-upgrade is missing on the router');
    }
    $job = bin2hex(random_bytes(8));
    $directory = pfrack_job_directory($job);
    if (!@mkdir($directory, 0700)) {
        throw new PfrackError('internal', "cannot make $directory", 'mkdir', pfrack_last_error());
    }
    // The exit code appears in one piece, so whoever asks never reads half of it.
    $work = '{ ' . implode(' && ', $commands) . '; } > log 2>&1; echo $? > code.new; mv code.new code; '
        . '[ ! -e orphan ] || rm -rf ' . escapeshellarg($directory);
    $script = 'cd ' . escapeshellarg($directory) . ' && (trap "" HUP; ' . $work . ') </dev/null >/dev/null 2>&1 & echo $!';
    $pid = (int)trim((string)shell_exec($script));
    file_put_contents("$directory/pid", (string)$pid);
    Pfrack::$jobs[$job] = true;
    pfrack_remember('jobs', $job);
    return ['job' => $job];
}

function pfrack_op_job(array $params): array
{
    $job = $params['job'] ?? null;
    if (!is_string($job) || preg_match('~^[0-9a-f]{16}$~D', $job) !== 1 || !is_dir(pfrack_job_directory($job))) {
        throw new PfrackError('missing', 'there is no such job on the router');
    }
    $directory = pfrack_job_directory($job);
    @unlink("$directory/orphan");
    Pfrack::$jobs[$job] = true;
    $pid = (int)@file_get_contents("$directory/pid");
    $alive = $pid > 0 && pfrack_alive($pid);
    clearstatcache();
    $code = is_file("$directory/code") ? (int)trim((string)file_get_contents("$directory/code")) : null;
    $output = pfrack_utf8(pfrack_plain((string)@file_get_contents("$directory/log")));
    if ($code === null && $alive) {
        return ['running' => true, 'exit_code' => null, 'output' => $output];
    }
    // Without a session the answer may have to be given again; the run's end removes the job then.
    if (Pfrack::$run === '') {
        pfrack_remove_tree($directory);
    }
    unset(Pfrack::$jobs[$job]);
    return ['running' => false, 'exit_code' => $code ?? -1, 'output' => $output];
}
