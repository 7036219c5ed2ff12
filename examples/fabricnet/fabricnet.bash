# bash completion for fabricnet

# What may come after "wg VERB" as word number $1, besides files: interfaces first, then the verb's own words.
_fabricnet_wg()
{
        case $1:$2 in
        1:create | 1:list | 1:import | 2:import) ;;
        1:*) fabricnet wg list 2>/dev/null | cut -d' ' -f1 ;;
        *:create) echo kernel userspace daemon mtu adopt ;;
        2:export) echo wg-quick netdev network ;;
        3:apply | 3:diff) echo keep-peers ;;
        esac
}

_fabricnet()
{
        local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} word command='' verb='' place=1
        local -A verbs=(
                [lab]='up down exec verify'
                [key]='generate preshared public'
                [wg]='list show create delete apply diff import export qr watch'
                [link]='show add set del altname-del move apply diff addresses address-add address-del address-apply watch'
                [route]='show get add replace append del apply diff rule nexthop neighbour watch'
                [sysctl]='show get set apply diff explain persist rp-filter'
                [nat]='show apply diff add del set foreign clear watch trace'
                [ban]='add del list status flush reconcile ranges serve'
                [metrics]='get serve'
                [dns]='serve query explain routes host apply keep remove headscale'
                [headscale]='health version users nodes routes keys policy dns config apply diff watch'
                [router]='plan apply show render'
                [tailscale]='status up down apply watch prefs logout'
        )
        local options='--file --host --netns --secrets-dir --json --verbose --output --dot --svg --png --local-only --dry-run --confirm-within --unchanged --unverified --state --force --auth-key --plan --probe --openmetrics
                --ca-file --url --api-key --socket --listen --route --stub --manager --device --search --restart --source --destination --interval --help --version'

        case $previous in
        -f | --file | -o | --output | --auth-key | --plan | --ca-file | --api-key | --socket)
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
                return
                ;;
        --manager)
                mapfile -t COMPREPLY < <(compgen -W 'systemd-resolved resolvconf dnsmasq unbound file' -- "$current")
                return
                ;;
        --netns)
                mapfile -t COMPREPLY < <(compgen -W "$(ip netns list 2>/dev/null | cut -d' ' -f1)" -- "$current")
                return
                ;;
        esac
        for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
                case $word in
                -*) ;;
                *) if [ -z "$command" ]; then command=$word; elif [ -z "$verb" ]; then verb=$word; else ((place++)); fi ;;
                esac
        done
        if [[ $current == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
        elif [ -z "$command" ]; then
                mapfile -t COMPREPLY < <(compgen -W "check plan apply adopt confirm rollback recover history status explain backup certificates graph render import ${!verbs[*]}" -- "$current")
        elif [ -z "$verb" ]; then
                mapfile -t COMPREPLY < <(compgen -W "${verbs[$command]}" -- "$current")
        elif [ "$command" = wg ]; then
                mapfile -t COMPREPLY < <(compgen -f -W "$(_fabricnet_wg "$place" "$verb")" -- "$current")
        else
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
        fi
}
complete -F _fabricnet fabricnet
