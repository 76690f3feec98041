<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// In the place of Composer's: the libraries of GraphQL and JWT are not there, and empty classes let the rest load.

spl_autoload_register(static function (string $class): void {
    if (preg_match('~^(GraphQL|Firebase)\\\\(.*\\\\)?(\w+)$~', $class, $found)) {
        eval('namespace ' . rtrim("{$found[1]}\\{$found[2]}", '\\') . "; class {$found[3]} {}");
    }
});
