<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// In the place of the many index.php files that the package builds: finds the endpoint of an address by its source.

require_once('RESTAPI/autoloader.inc');

$url = rtrim(explode('?', $_SERVER['REQUEST_URI'])[0], '/');
foreach (glob('/usr/local/pkg/RESTAPI/Endpoints/*.inc') as $file) {
    if (strpos(file_get_contents($file), "url = '{$url}'") !== false) {
        $class = 'RESTAPI\\Endpoints\\' . basename($file, '.inc');
        echo (new $class())->process_request();
        exit;
    }
}
http_response_code(404);
echo "<html><head><title>404 Not Found</title></head></html>\n";
