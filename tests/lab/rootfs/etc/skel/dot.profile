# pfrack lab: an interactive login of root gets the menu, a command does not.
PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin
export PATH

_interactive=
if [ -n "${SSH_TTY}" ]; then
	_interactive=1
else
	case "${TERM}" in
		cons25|xterm|vt100|vt102|vt220) _interactive=1 ;;
	esac
fi

if [ -n "${_interactive}" ]; then
	/etc/rc.initial
	exit
fi
