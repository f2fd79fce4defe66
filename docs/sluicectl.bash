# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for sluicectl(8)

_sluicectl()
{
	local verbs="status sessions mappings pools sources destinations top rules events diagnose why metrics check reload delete reset"
	local filter="-p -f -s -d -r -q -u --proto --family --src --dst --reply-src --reply-dst --sport --dport
		--reply-port-src --reply-port-dst --state --status --json"
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb="" i

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-s | --socket) ((i++)) ;;
		-*) ;;
		*) verb=${COMP_WORDS[i]} && break ;;
		esac
	done
	COMPREPLY=()
	if [[ -z $verb ]]; then
		case $previous in
		-s | --socket) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
		*) mapfile -t COMPREPLY < <(compgen -W "$verbs -s -j --socket --json --help --version" -- "$current") ;;
		esac
		return
	fi
	case $previous in
	-p | --proto) mapfile -t COMPREPLY < <(compgen -W "tcp udp icmp icmpv6 udplite sctp dccp gre" -- "$current") ;;
	-f | --family) mapfile -t COMPREPLY < <(compgen -W "ipv4 ipv6" -- "$current") ;;
	-u | --status) mapfile -t COMPREPLY < <(compgen -W "assured unreplied seen_reply" -- "$current") ;;
	--state)
		mapfile -t COMPREPLY < <(compgen -W "SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT
			CLOSE unreplied stream" -- "$current")
		;;
	-n | --lines) ;;
	-s | -d | -r | -q | --src | --dst | --reply-src | --reply-dst | --?port | --reply-port-*) ;;
	*)
		case $verb in
		sessions) mapfile -t COMPREPLY < <(compgen -W "$filter -a --accounting" -- "$current") ;;
		delete) mapfile -t COMPREPLY < <(compgen -W "$filter" -- "$current") ;;
		events) mapfile -t COMPREPLY < <(compgen -W "-t --timestamp -m --mappings --json" -- "$current") ;;
		sources | destinations) mapfile -t COMPREPLY < <(compgen -W "-n --lines --json" -- "$current") ;;
		why) mapfile -t COMPREPLY < <(compgen -W "tcp udp icmp icmpv6 udplite sctp dccp gre iif oif type id key --json" -- "$current") ;;
		top) ;;
		*) mapfile -t COMPREPLY < <(compgen -W "--json" -- "$current") ;;
		esac
		;;
	esac
}

complete -F _sluicectl sluicectl
