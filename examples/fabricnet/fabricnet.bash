# bash completion for fabricnet
_fabricnet()
{
        local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} word command='' verb=''
        local -A verbs=(
                [lab]='up down exec verify'
                [render]='wg-quick netdev network headscale nixos'
                [key]='generate preshared public'
                [wg]='list show create delete apply diff import export qr watch'
                [link]='show add set del altname-del move apply diff addresses address-add address-del address-apply watch'
                [route]='show get add replace append del apply diff rule nexthop neighbour watch'
                [sysctl]='show get set apply diff explain persist rp-filter'
                [nat]='show apply diff add del set foreign clear watch trace'
                [ban]='add del list status flush reconcile serve'
                [dns]='serve query explain routes host apply keep remove headscale'
                [headscale]='health version users user-add nodes approve keys policy'
                [tailscale]='status prefs enrol logout'
        )
        local options='--file --host --netns --secrets-dir --json --verbose --output --dot --svg --png --local-only --dry-run --force --auth-key --plan
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
                *) if [ -z "$command" ]; then command=$word; elif [ -z "$verb" ]; then verb=$word; fi ;;
                esac
        done
        if [[ $current == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
        elif [ -z "$command" ]; then
                mapfile -t COMPREPLY < <(compgen -W "check plan apply status explain graph ${!verbs[*]}" -- "$current")
        elif [ -z "$verb" ]; then
                mapfile -t COMPREPLY < <(compgen -W "${verbs[$command]}" -- "$current")
        else
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
        fi
}
complete -F _fabricnet fabricnet
