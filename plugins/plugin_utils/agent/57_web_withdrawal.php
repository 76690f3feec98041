<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// A machine that is installed removes the files of its installation (DELETE), whose name only it was told. nginx does
// that itself when it was built with its DAV module, as those of FreeBSD and pfSense are. Another one notes the request,
// and a loop beside it removes the files.

const PFRACK_WITHDRAWN = '/var/log/pfrack_static_web.withdrawn';
const PFRACK_WITHDRAWAL_PID = '/var/run/pfrack_web_withdrawal.pid';
const PFRACK_INSTALLATION = '^/install/[0-9a-f]{32}/';

function pfrack_web_has_dav(): bool
{
    static $able = null;
    if ($able === null) {
        [, $words] = pfrack_run([pfrack_web_nginx(), '-V']);
        $able = strpos($words, '--with-http_dav_module') !== false;
    }
    return $able;
}

/** The lines of nginx's server that let machines do it. */
function pfrack_web_withdrawal(): string
{
    $place = '        location ~ "' . PFRACK_INSTALLATION;
    if (pfrack_web_has_dav()) {
        return $place . '" { limit_except GET DELETE { deny all; } dav_methods DELETE; min_delete_depth 2; }';
    }
    [$log, $withdrawn] = [PFRACK_WEB_LOG, PFRACK_WITHDRAWN];
    return $place . "\$\" {\n            limit_except GET DELETE { deny all; }\n"
        . "            if (\$request_method = DELETE) { access_log $log; access_log $withdrawn withdrawn; return 204; }\n"
        . '        }';
}

/** What belongs into nginx's `http`. */
function pfrack_web_withdrawal_format(): string
{
    return pfrack_web_has_dav() ? '' : "    log_format withdrawn '\$uri';\n";
}

/** The functions withdrawal_start, _stop and _alive of the script that starts nginx. */
function pfrack_web_withdrawal_rc(string $directory): string
{
    [$withdrawn, $pid, $rc] = [PFRACK_WITHDRAWN, PFRACK_WITHDRAWAL_PID, PFRACK_WEB_RC];
    $stop = <<<EOD
        withdrawal_stop() {
            ! is {$pid} {$rc} || kill "\$(cat {$pid})"
            rm -f {$pid}
        }
        EOD;
    if (pfrack_web_has_dav()) {
        return "withdrawal_start() { :; }\n\n$stop\n\nwithdrawal_alive() { :; }\n";
    }
    return <<<EOD
        # This nginx cannot remove files itself. A line is the path of an installation; done ones may come again.
        withdraw() {
            # Who called us waits until all that it opened is closed; redirected as a whole it would stay open.
            exec < /dev/null > /dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
            cd {$directory} || exit 1
            [ -z "\$(find {$withdrawn} -size +200 2> /dev/null)" ] || : > {$withdrawn}
            next=1
            while :; do
                for path in \$(tail -n "+\$next" {$withdrawn} 2> /dev/null); do
                    next=\$((next + 1))
                    id=\${path#/install/}
                    id=\${id%/}
                    case \$id in
                        '' | *[!0-9a-f]*) ;;
                        *) rm -rf "install/\$id" ;;
                    esac
                done
                sleep 1
            done
        }

        withdrawal_start() {
            withdrawal_stop
            withdraw &
            echo \$! > {$pid}
        }

        {$stop}

        withdrawal_alive() { is {$pid} {$rc}; }

        EOD;
}
