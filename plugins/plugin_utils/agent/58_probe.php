<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Whether machines answer, as seen from the router: all targets at the same time.

const PFRACK_PROBES_AT_ONCE = 200;

function pfrack_op_probe(array $params): array
{
    $targets = $params['targets'] ?? null;
    $timeout = $params['timeout'] ?? 2;
    if (!is_array($targets) || !is_numeric($timeout) || $timeout <= 0 || $timeout > 30) {
        throw new PfrackError('invalid', "probe needs 'targets', a list, and 'timeout', up to 30 seconds");
    }
    foreach ($targets as $target) {
        if (!is_array($target) || filter_var($target['address'] ?? null, FILTER_VALIDATE_IP) === false
            || !is_int($target['port'] ?? null)
            || !preg_match('~^[!-\~]*$~D', pfrack_text($target['path'] ?? '') . pfrack_text($target['method'] ?? ''))) {
            throw new PfrackError('invalid', 'a target is {address, port, path, method}; address is an IP address');
        }
    }
    $results = [];
    foreach (array_chunk(array_values($targets), PFRACK_PROBES_AT_ONCE) as $some) {
        array_push($results, ...pfrack_probe($some, microtime(true) + (float)$timeout));
    }
    return ['results' => $results];
}

/** {ok, detail} for each target. One with a path speaks HTTP and must answer 2xx or 3xx; others must accept. */
function pfrack_probe(array $targets, float $deadline): array
{
    $results = $open = $waiting = $heard = [];
    foreach ($targets as $number => $target) {
        $results[$number] = ['ok' => false, 'detail' => 'no answer in time'];
        $host = strpos($target['address'], ':') === false ? $target['address'] : "[{$target['address']}]";
        $flags = STREAM_CLIENT_CONNECT | STREAM_CLIENT_ASYNC_CONNECT;
        $socket = @stream_socket_client("tcp://$host:{$target['port']}", $code, $words, 1, $flags);
        if ($socket === false) {
            $results[$number]['detail'] = pfrack_utf8($words);
            continue;
        }
        stream_set_blocking($socket, false);
        $open[$number] = $waiting[$number] = $socket;
        $heard[$number] = '';
    }
    while ($open !== [] && ($left = $deadline - microtime(true)) > 0) {
        $read = $open;
        $write = $waiting;
        $except = null;
        if (@stream_select($read, $write, $except, (int)$left, (int)(fmod($left, 1) * 1e6)) === false) {
            break;
        }
        foreach ($write as $number => $socket) {
            unset($waiting[$number]);
            if (stream_socket_get_name($socket, true) === false) {
                $results[$number]['detail'] = 'refused';
            } elseif (pfrack_text($targets[$number]['path'] ?? '') === '') {
                $results[$number] = ['ok' => true, 'detail' => 'accepted'];
            } else {
                @fwrite($socket, pfrack_probe_request($targets[$number]));
                continue;
            }
            fclose($socket);
            unset($open[$number], $read[$number]);
        }
        foreach ($read as $number => $socket) {
            $heard[$number] .= (string)@fread($socket, 1024);
            $whole = strpos($heard[$number], "\n") !== false;
            if ($whole || feof($socket)) {
                $line = trim((string)strtok($heard[$number] . "\n", "\n"));
                $results[$number] = ['ok' => preg_match('~^HTTP/[0-9.]+ [23]\d\d~', $line) === 1,
                    'detail' => $line === '' ? 'refused' : pfrack_utf8(substr($line, 0, 100))];
                fclose($socket);
                unset($open[$number], $waiting[$number]);
            }
        }
    }
    array_map('fclose', $open);
    return $results;
}

function pfrack_probe_request(array $target): string
{
    $method = pfrack_text($target['method'] ?? '') ?: 'GET';
    return "$method {$target['path']} HTTP/1.0\r\nHost: {$target['address']}\r\nConnection: close\r\n\r\n";
}
