<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Carriers without a session: every request is a PHP process of its own. What lasts from one to the next lies in the
// run's private directory. A change is claimed there by its id, so it is made once or never, and its outcome stays.

const PFRACK_RUN = '/tmp/pfrack-run-';
const PFRACK_RUN_KEPT = 3600;

/** The text that carries an answer: it can be found in whatever the web server puts around it. */
function pfrack_framed(string $id, array $answer): string
{
    return "pfrack:$id:" . base64_encode((string)gzdeflate(pfrack_encode($answer), 6)) . ':';
}

/**
 * @param string $packed base64 of the deflated JSON {run, id, op, params, background, wait}
 * @param string $source the agent's text, for work in the background
 * @param string $data base64 that belongs into params, kept apart because it is large and does not shrink
 */
function pfrack_once(string $packed, string $source, string $data = ''): string
{
    $request = json_decode((string)@gzinflate((string)base64_decode($packed, true)), true, 512, JSON_BIGINT_AS_STRING);
    if (!is_array($request) || preg_match('~^[0-9a-f]{32}$~D', pfrack_text($request['id'] ?? '')) !== 1) {
        return pfrack_framed('none', ['id' => null, 'ok' => false, 'error' => ['kind' => 'invalid',
            'message' => 'the request was damaged on its way', 'function' => '', 'detail' => '']]);
    }
    if ($data !== '') {
        $request['params']['data'] = $data;
    }
    Pfrack::$emit = static function (array $answer) use ($request): void {
        echo pfrack_framed($request['id'], $answer);
    };
    try {
        $answer = pfrack_one_request($request, $source);
    } catch (Throwable $error) {
        $answer = ['id' => $request['id'], 'ok' => false, 'error' => pfrack_error($error)];
    }
    return pfrack_framed($request['id'], $answer);
}

function pfrack_one_request(array $request, string $source): array
{
    $op = $request['op'] ?? '';
    $wait = (float)($request['wait'] ?? 0);
    Pfrack::$run = pfrack_open_run(pfrack_text($request['run'] ?? ''), in_array($op, ['hello', 'bye'], true));
    if ($op === 'outcome') {
        return ['id' => $request['id'], 'ok' => true, 'result' => pfrack_outcome($request['params'] ?? [], $wait)];
    }
    if (empty($request['background'])) {
        return pfrack_handle($request);
    }
    if (Pfrack::$run === '') {
        throw new PfrackError('run_gone', 'the router was started again since this run began, or took too long');
    }
    $directory = Pfrack::$run . '/' . $request['id'];
    if (@mkdir($directory, 0700)) {
        pfrack_begin($directory, $request, $source);
    }
    return ['id' => $request['id'], 'ok' => true, 'result' => pfrack_state($directory, $wait)];
}

/** The run's directory, made when $make; '' when it is not there. */
function pfrack_open_run(string $run, bool $make): string
{
    if (preg_match('~^[0-9a-f]{32}$~D', $run) !== 1) {
        throw new PfrackError('invalid', 'a request without a session needs the name of its run');
    }
    $directory = PFRACK_RUN . $run;
    if ($make) {
        foreach (glob(PFRACK_RUN . '*', GLOB_NOSORT) ?: [] as $old) {
            if ((int)@filemtime($old) < time() - PFRACK_RUN_KEPT) {
                pfrack_end_run($old);
            }
        }
        @mkdir($directory, 0700);
        @touch($directory);
    }
    clearstatcache();
    if (!is_dir($directory)) {
        return '';
    }
    if (is_link($directory) || fileowner($directory) !== pfrack_uid()) {
        throw new PfrackError('unsafe_path', "$directory is not ours");
    }
    @touch($directory);
    return $directory;
}

/**
 * Note where this run comes from, and name the other runs that lie here: only their controllers know which of them died.
 *
 * @return array<string, string> name => origin
 */
function pfrack_other_runs(string $origin): array
{
    if (Pfrack::$run !== '' && preg_match('~^[0-9a-f]{16} \d+ \d+$~D', $origin) === 1) {
        file_put_contents(Pfrack::$run . '/origin', $origin);
    }
    $runs = [];
    foreach (Pfrack::$run === '' ? [] : (glob(PFRACK_RUN . '*/origin', GLOB_NOSORT) ?: []) as $file) {
        if (dirname($file) !== Pfrack::$run) {
            $runs[substr(dirname($file), strlen(PFRACK_RUN))] = trim((string)@file_get_contents($file));
        }
    }
    return $runs;
}

/** Something that the end of the run removes. */
function pfrack_remember(string $what, string $value): void
{
    if (Pfrack::$run !== '') {
        file_put_contents(Pfrack::$run . "/$what", "$value\n", FILE_APPEND);
    }
}

function pfrack_end_run(string $run): void
{
    if (is_link($run) || fileowner($run) !== pfrack_uid()) {
        return;
    }
    foreach (glob("$run/*/pid") ?: [] as $file) {
        if (!is_file(dirname($file) . '/answer') && pfrack_pid($file) > 0) {
            // Whoever still works there removes it at its end.
            touch("$run/orphan");
            return;
        }
    }
    foreach (is_file("$run/staged") ? file("$run/staged", FILE_IGNORE_NEW_LINES) : [] as $directory) {
        if (preg_match('~/\.pfrack-stage-0-[0-9a-f]{16}$~D', $directory) === 1 && !is_link($directory)) {
            pfrack_remove_tree($directory);
        }
    }
    foreach (is_file("$run/jobs") ? file("$run/jobs", FILE_IGNORE_NEW_LINES) : [] as $job) {
        if (preg_match('~^[0-9a-f]{16}$~D', $job) === 1) {
            pfrack_leave_job($job);
        }
    }
    pfrack_remove_tree($run);
}

/** Hand a request to a process that outlives the web server's patience, and the web server. */
function pfrack_begin(string $directory, array $request, string $source): void
{
    $agent = Pfrack::$run . '/agent.php';
    if ($source !== '' && !is_file($agent)) {
        file_put_contents("$agent.new", "<?php\n$source\npfrack_main(\$argv);\n");
        rename("$agent.new", $agent);
    }
    file_put_contents("$directory/request", json_encode($request));
    // The web server's sockets and locks are none of its business.
    $script = '(trap "" HUP; exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; cd /; HOME=/root exec /usr/local/bin/php -d '
        . 'display_errors=0 ' . escapeshellarg($agent) . ' work ' . escapeshellarg($directory)
        . ') </dev/null >/dev/null 2>&1 & echo $!';
    file_put_contents("$directory/pid.new", trim((string)shell_exec($script)));
    rename("$directory/pid.new", "$directory/pid");
}

/** The process that pfrack_begin started. */
function pfrack_work(string $directory): void
{
    $request = json_decode((string)file_get_contents("$directory/request"), true, 512, JSON_BIGINT_AS_STRING);
    Pfrack::$run = dirname($directory);
    Pfrack::$emit = static function (array $answer) use ($directory): void {
        @unlink("$directory/request");
        file_put_contents("$directory/answer.new", pfrack_encode($answer));
        rename("$directory/answer.new", "$directory/answer");
        clearstatcache();
        if (is_file(dirname($directory) . '/orphan')) {
            pfrack_end_run(dirname($directory));
        }
    };
    (Pfrack::$emit)(pfrack_handle($request));
}

/** How a claimed request stands, waiting for its end at most that long. */
function pfrack_state(string $directory, float $wait): array
{
    $deadline = microtime(true) + $wait;
    while (true) {
        clearstatcache();
        $pid = is_file("$directory/pid");
        $running = $pid ? pfrack_pid("$directory/pid") > 0 : (int)filemtime($directory) > time() - 10;
        if (is_file("$directory/answer")) {
            return ['state' => 'done', 'answer' => json_decode((string)file_get_contents("$directory/answer"))];
        }
        if (!$running) {
            return ['state' => 'died'] + pfrack_last_change();
        }
        if (microtime(true) >= $deadline) {
            return ['state' => 'running'];
        }
        usleep(20000);
    }
}

/** What became of a request whose answer got lost. One that did not arrive yet is claimed, so that it never will. */
function pfrack_outcome(array $params, float $wait): array
{
    $id = pfrack_text($params['request'] ?? '');
    if (preg_match('~^[0-9a-f]{32}$~D', $id) !== 1) {
        throw new PfrackError('invalid', "outcome needs 'request', an id");
    }
    if (Pfrack::$run === '') {
        return ['state' => 'lost'] + pfrack_last_change();
    }
    $directory = Pfrack::$run . "/$id";
    if (is_file(Pfrack::$run . '/again') && !is_dir($directory)) {
        // The run's directory was made anew, so this one may have been there.
        return ['state' => 'lost'] + pfrack_last_change();
    }
    if (@mkdir($directory, 0700)) {
        touch("$directory/never");
    }
    clearstatcache();
    return is_file("$directory/never") ? ['state' => 'never'] : pfrack_state($directory, $wait);
}

function pfrack_last_change(): array
{
    $text = (string)@file_get_contents(PFRACK_CONFIG);
    $what = preg_match('~<revision>.*?<description>(.*?)</description>~s', $text, $found) === 1 ? $found[1] : '';
    $what = preg_replace('~^<!\[CDATA\[(.*)\]\]>$~s', '$1', $what) ?? '';
    return ['revision' => hash('sha256', $text), 'last_change' => pfrack_utf8($what)];
}
