<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Every address below /api/v2/ comes here. The checks are made in the order of the real package.

require_once('config.inc');
require_once('functions.inc');
require_once('pkg-utils.inc');
require_once('lab/webauth.inc');
require_once('RESTAPI/install.inc');
require_once('RESTAPI/login.inc');
require_once('RESTAPI/endpoints.inc');
require_once('RESTAPI/fields.inc');
require_once('RESTAPI/haproxy.inc');

/** An answer other than success. */
class RestError extends Exception
{
    public int $status;
    public string $id;

    public function __construct(int $status, string $id, string $message)
    {
        parent::__construct($message);
        $this->status = $status;
        $this->id = $id;
    }
}

const REST_STATUS = [200 => 'ok', 400 => 'bad request', 401 => 'unauthorized', 403 => 'forbidden', 404 => 'not found',
    405 => 'method not allowed', 406 => 'not acceptable', 409 => 'conflict', 415 => 'unsupported media type',
    500 => 'internal server error', 503 => 'service unavailable'];

function rest_answer(int $status, string $id, string $message, $data): void
{
    http_response_code($status);
    header('Content-Type: application/json');
    if ($status === 401) {
        header('WWW-Authenticate: Basic realm="RESTAPI"');
    }
    echo json_encode(['code' => $status, 'status' => REST_STATUS[$status], 'response_id' => $id,
        'message' => str_replace('"', '`', $message), 'data' => $data]);
}

/** The fields of a request: from the query unless a JSON body says otherwise. */
function rest_fields(string $method): array
{
    $type = strtolower(trim(explode(';', $_SERVER['CONTENT_TYPE'] ?? '')[0]));
    if ($type === '') {
        $type = in_array($method, ['GET', 'DELETE']) ? 'application/x-www-form-urlencoded' : 'application/json';
    }
    if ($type === 'application/x-www-form-urlencoded') {
        parse_str($_SERVER['QUERY_STRING'] ?? '', $fields);
        return array_map(fn($value) => is_string($value) && ctype_digit($value) ? (int)$value
            : (['true' => true, 'false' => false, 'null' => null][$value] ?? $value), $fields);
    }
    if ($type !== 'application/json') {
        throw new RestError(415, 'MEDIA_TYPE_NOT_SUPPORTED', "Content-Type {$type} is not supported.");
    }
    $body = file_get_contents('php://input');
    $fields = $body === '' ? [] : json_decode($body, true);
    if (!is_array($fields)) {
        throw new RestError(400, 'JSON_CONTENT_HANDLER_INVALID_JSON', 'The request body is no valid JSON.');
    }
    return $fields;
}

function rest_serve(): void
{
    $settings = config_get_path(restapi_path(), []);
    if (($settings['enabled'] ?? '') !== 'enabled') {
        throw new RestError(503, 'ENDPOINT_REST_API_IS_NOT_ENABLED', 'The REST API is not enabled.');
    }
    $url = rtrim(substr(explode('?', $_SERVER['REQUEST_URI'])[0], strlen('/api/v2/')), '/');
    $method = $_SERVER['REQUEST_METHOD'];
    $methods = REST_ENDPOINTS[$url] ?? null;
    if ($methods === null) {
        http_response_code(404);
        header('Content-Type: text/html');
        echo "<html><head><title>404 Not Found</title></head><body><center><h1>404 Not Found</h1></center></body></html>\n";
        return;
    }
    $_SESSION['Username'] = rest_authenticate($settings, $url);
    rest_check_privilege($_SESSION['Username'], $url, $method);
    if (!in_array($_SERVER['HTTP_ACCEPT'] ?? '*/*', ['', '*/*', 'application/json'], true)) {
        throw new RestError(406, 'ENDPOINT_RECEIVED_UNSUPPORTED_ACCEPT', 'The Accept header is not supported.');
    }
    if (!isset($methods[$method])) {
        throw new RestError(405, 'ENDPOINT_METHOD_NOT_ALLOWED', "Method {$method} is not allowed here.");
    }
    if ($method !== 'GET' && ($settings['read_only'] ?? '') === 'enabled' && strpos($url, 'auth/') !== 0) {
        throw new RestError(405, 'ENDPOINT_METHOD_NOT_ALLOWED_IN_READ_ONLY_MODE',
            "Method {$method} is not allowed while the API is in read-only mode.");
    }
    rest_answer(200, 'SUCCESS', '', call_user_func($methods[$method], rest_fields($method)));
}

set_time_limit(900);
try {
    rest_serve();
} catch (RestError $error) {
    rest_answer($error->status, $error->id, $error->getMessage(), []);
} catch (Throwable $error) {
    rest_answer(500, 'ENDPOINT_RECEIVED_UNEXPECTED_ERROR', (string)$error, []);
}
