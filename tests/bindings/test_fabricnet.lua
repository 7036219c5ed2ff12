-- SPDX-License-Identifier: LGPL-2.1-or-later
-- The Lua module, in the namespaces of tests/bindings/sandbox, where the root namespace is ours to change.
local fabricnet = require "fabricnet"

local passed, failed = 0, 0

local function test(name, body)
        local ok, problem = xpcall(body, debug.traceback)
        if ok then
                passed = passed + 1
        else
                failed = failed + 1
                print("FAILED " .. name .. "\n" .. problem)
        end
end

local function equal(a, b)
        if a ~= b then
                error(("%s is not %s"):format(tostring(a), tostring(b)), 2)
        end
end

-- Misuse: the call raises an error with these words.
local function raises(words, call, ...)
        local ok, problem = pcall(call, ...)
        if ok or not tostring(problem):find(words, 1, true) then
                error(("'%s' does not say '%s'"):format(tostring(problem), words), 2)
        end
end

-- The environment refuses: nil, a message with these words, this code.
local function fails(code, words, result, message, got)
        if result ~= nil or got ~= code or not message:find(words, 1, true) then
                error(("%s, '%s', %s: not nil, '%s', %s"):format(tostring(result), tostring(message), tostring(got), words, code), 2)
        end
end

local function output(command)
        local pipe = assert(io.popen(command))
        local text = pipe:read "a"
        pipe:close()
        return text
end

local function veth(c)
        assert(c.link.create{name = "v0", kind = "veth", peer = "v1"})
        assert(c.link.set{name = "v0", state = "up", mtu = 1280})
        assert(c.link.set{name = "v1", state = "up"})
        return setmetatable({}, {__close = function() assert(c.link.delete "v0") end})
end

test("a context closes with its variable, and then says so", function()
        local kept
        do
                local c <close> = assert(fabricnet.context())
                equal(c.link.list()[1].name, "lo")
                kept = c
        end
        raises("a closed one", kept.link.list)
        kept:close()
        fails(fabricnet.ENOENT, "nowhere", fabricnet.context{netns = "nowhere"})
end)

test("an error is kept in the context", function()
        local c <close> = assert(fabricnet.context())
        local link <close> = veth(c)
        fails(fabricnet.EEXIST, "v0: ", c.link.create{name = "v0", kind = "bridge"})
        local last = c:error()
        equal(last.code, fabricnet.EEXIST)
        equal(last.errno, 17)
        equal(last.object, "v0")
end)

test("misuse names the record and the member", function()
        local c <close> = assert(fabricnet.context())
        raises("Route has no member 'devise'", c.route.add, {devise = "v0"})
        raises("Route: names of members are strings, not number", c.route.add, {"v0"})
        raises("Route.device: expected string, not number", c.route.add, {device = 3})
        raises("Route.mtu: expected integer, not string", c.route.add, {mtu = "1280"})
        raises("Route.mtu: '1.5': not an integer", c.route.add, {mtu = 1.5})
        raises("Route.mtu: '-1': negative", c.route.add, {mtu = -1})
        raises("Route.protocol: '256': too large", c.route.add, {protocol = 256})
        raises("Route.onlink: expected boolean, not number", c.route.add, {onlink = 1})
        raises("Route.type: 'unicorn': one of unicast, blackhole", c.route.add, {type = "unicorn"})
        raises("Route.gateway: '10.0.0': no IP address", c.route.add, {gateway = "10.0.0"})
        raises("expected a table of Route, not nil", c.route.add)
        raises("expected a list of Route, not string", c.route.apply, "v0")
        raises("expected string, not nil", c.link.delete)
        raises("DnsRoute.upstreams: expected a list, not string", c.dns.routes, {x = "127.0.0.1"})
        raises("WireguardPeer.preshared_key: expected a secret, not string", c.wireguard.apply, "wg0", {peers = {{preshared_key = "x"}}})
        raises("one of inet, inet6", c.rule.list, "ipx")
end)

test("what is thrown away midway is freed", function()
        local c <close> = assert(fabricnet.context())
        local key = fabricnet.key.generate()
        local function once()
                pcall(c.wireguard.apply, "wg0", {interface = {private_key = key, dns = {("a"):rep(100), ("b"):rep(100), 3}}})
                c.link.list "nowhere"
                c.dns.routes{x = {"127.0.0.1"}}
        end
        local function resident()
                collectgarbage()
                return tonumber(io.open("/proc/self/statm"):read "a":match "%d+ (%d+)") * 4096
        end
        for _ = 1, 500 do once() end
        local before = resident()
        for _ = 1, 10000 do once() end
        assert(resident() - before < 2 << 20, "memory grows")
        equal(#fabricnet.bytes(key), 32)
end)

test("secrets and keys", function()
        local key = fabricnet.key.generate()
        assert(not tostring(key):find(fabricnet.bytes(key), 1, true))
        local text = fabricnet.key.encode(key)
        local pipe = output(("printf %%s '%s' | wg pubkey"):format(fabricnet.bytes(text)))
        equal(fabricnet.key.public(key), pipe:gsub("\n", ""))
        equal(fabricnet.bytes(fabricnet.key.decode(text)), fabricnet.bytes(key))
        fails(fabricnet.EINVAL, "", fabricnet.key.public(text))
        equal(#fabricnet.bytes(fabricnet.key.preshared()), 32)
end)

test("secrets and configurations in files", function()
        local c <close> = assert(fabricnet.context())
        local name = os.tmpname()
        os.remove(name)
        local key = fabricnet.key.generate()
        assert(c:write_secret(fabricnet.key.encode(key), name))
        fails(fabricnet.EEXIST, name, c:write_secret(key, name))
        equal(fabricnet.bytes(assert(fabricnet.key.read_file(name))), fabricnet.bytes(key))
        equal(fabricnet.bytes(assert(c:secret_file(name))), fabricnet.bytes(fabricnet.key.encode(key)))
        fails(fabricnet.EINVAL, name .. ":1:1", fabricnet.wireguard.parse_file(name))
        os.remove(name)
        fails(fabricnet.ENOENT, name, c:secret_file(name))
        fails(fabricnet.ENOENT, "LoadCredential", c:credential "wg")
        assert(c:write_secret(c:secret(("[Interface]\nPrivateKey = %s\nListenPort = 7"):format(fabricnet.bytes(fabricnet.key.encode(key)))), name))
        local config = assert(fabricnet.wireguard.parse_file(name))
        os.remove(name)
        equal(fabricnet.bytes(config.interface.private_key), fabricnet.bytes(key))
        config.interface.name = "wg0"
        assert(fabricnet.bytes(assert(fabricnet.wireguard.format(config, "netdev"))):find("ListenPort=7\n", 1, true))
        equal(fabricnet.bytes(assert(fabricnet.wireguard.format(config, "qr-png"))):sub(2, 4), "PNG")
end)

test("64-bit numbers are exact", function()
        local c <close> = assert(fabricnet.context())
        local core = require "fabricnet.core"
        local wireguard = core.fbn_wireguard_new(c.handle, {})
        local key = fabricnet.key.public(fabricnet.key.generate())
        local many, past = (1 << 53) + 1, math.maxinteger
        assert(core.fbn_wireguard_add(c.handle, wireguard, {public_key = key, received = many, sent = past, last_handshake = math.mininteger}))
        local peer = core.fbn_wireguard_at(wireguard, 0)
        equal(math.type(peer.received), "integer")
        equal(peer.received, many)
        equal(peer.sent, past)
        equal(peer.last_handshake, math.mininteger)
        equal(core.fbn_wireguard_at(wireguard, 1), nil)
        equal(core.fbn_wireguard_count(wireguard), 1)
end)

test("links, addresses, routes, rules, sysctls: as ip(8) sees them", function()
        local c <close> = assert(fabricnet.context())
        local link <close> = veth(c)
        equal(c.link.get("v0").mtu, 1280)
        equal(#assert(c.link.address_apply("v0", {"10.9.0.1/24", {device = "v0", address = "fd00::1/64"}})), 2)
        equal(#assert(c.link.address_apply("v0", {"10.9.0.1/24", "fd00::1/64"})), 0)
        assert(output "ip addr show v0":find("10.9.0.1/24", 1, true))
        local wanted = {{destination = "10.20.0.0/16", gateway = "10.9.0.2"}, {destination = "10.30.0.0/16", type = "blackhole"}}
        equal(#assert(c.route.apply(wanted, {dry_run = true})), 2)
        equal(#assert(c.route.apply(wanted)), 2)
        equal(#assert(c.route.apply(wanted)), 0)
        assert(output "ip route":find("10.20.0.0/16 via 10.9.0.2", 1, true))
        equal(c.route.get("10.20.1.1").gateway, "10.9.0.2")
        fails(fabricnet.EINVAL, "10.0.0.1/8", c.route.apply{{destination = "10.0.0.1/8", device = "v0"}})
        assert(c.route.apply{})
        local rules = {{family = "inet", priority = 100, from = "10.0.0.0/8", table = 52, suppress_prefix_length = 0}}
        equal(#assert(c.rule.apply(rules)), 1)
        equal(#assert(c.rule.apply(rules)), 0)
        assert(output "ip rule":find("100:\tfrom 10.0.0.0/8 lookup 52 suppress_prefixlength 0", 1, true))
        assert(c.rule.apply{})
        equal(#assert(c.sysctl.apply{["net.ipv4.conf.v0.rp_filter"] = 2}), 1)
        equal(c.sysctl.rp_filter "v0", 2)
        equal(math.type(c.sysctl.get "net.ipv4.ip_forward"), "integer")
end)

test("nat", function()
        local c <close> = assert(fabricnet.context())
        local wanted = {{kind = "masquerade", name = "m", sources = {"172.26.5.0/24"}, out_device = "eth0"}}
        equal(#assert(c.nat.apply(wanted)), 1)
        equal(#assert(c.nat.apply(wanted)), 0)
        equal(c.nat.get()[1].sources[1], "172.26.5.0/24")
        local generation = assert(c.nat.generation())
        assert(c.nat.apply({}, {generation = generation}))
        fails(fabricnet.ESTALE, "since its generation", c.nat.apply(wanted, {generation = generation}))
        assert(c.nat.apply(wanted))
        assert(output "nft list table inet fabricnet":find("masquerade", 1, true))
        assert(c.nat.apply{})
        fails(fabricnet.ENOENT, "", c.nat.get())
        equal(#c.nat.foreign(), 0)
        assert(c.nat.apply{{kind = "dnat", name = "web", ["local"] = true, protocol = "tcp", destination_port = 80, to = "10.0.0.5", hairpin = 24}})
        equal(c.nat.get()[1].to, "10.0.0.5")
        assert(c.nat.apply{})
end)

test("wireguard", function()
        local c <close> = assert(fabricnet.context())
        local key, peer = fabricnet.key.generate(), fabricnet.key.public(fabricnet.key.generate())
        local config = {interface = {private_key = key, listen_port = 51820}, peers = {{public_key = peer, allowed_ips = {"192.168.8.0/24"}}}}
        local backend = assert(c.wireguard.create("wg0", {timeout_ms = 20000, mtu = 1300}))
        local again, refused = c.wireguard.create("wg0")
        assert(not again and tostring(refused):find("only when told so"))
        assert(c.wireguard.create("wg0", {adopt = true}) == backend)
        local none, closed = fabricnet.key.read_file("fd:77")
        assert(not none and tostring(closed):find("fd:77"))
        assert(backend == "kernel" or backend == "userspace")
        assert(#assert(c.wireguard.apply("wg0", config)) > 0)
        equal(#assert(c.wireguard.apply("wg0", config)), 0)
        local read = assert(c.wireguard.get "wg0")
        equal(fabricnet.bytes(read.interface.private_key), fabricnet.bytes(key))
        equal(read.peers[1].allowed_ips[1], "192.168.8.0/24")
        equal(c.wireguard.list()[1].name, "wg0")
        equal(c.wireguard.list()[1].backend, backend)
        assert(c.wireguard.delete "wg0")
        equal(#c.wireguard.list(), 0)
        fails(fabricnet.ENOENT, "wg0", c.wireguard.delete "wg0")
        fails(fabricnet.EINVAL, "text:2:", fabricnet.wireguard.parse "[Interface]\nPrivateKey = x\n")
        fails(fabricnet.ENOENT, "/none.conf: no such file", c.wireguard.apply_file("wg0", "/none.conf", {dry_run = true}))
        local text = "# ours\n[Interface]\nMTU = 1280\nPostUp = true # yes\nHorizon = 1\n"
        local parsed = assert(fabricnet.wireguard.parse(text))
        equal(parsed.interface.mtu, 1280)
        equal(parsed.interface.hooks[1], "PostUp = true")
        equal(fabricnet.bytes(assert(fabricnet.wireguard.format(parsed))), text)
        fails(fabricnet.EINVAL, "is no format", fabricnet.wireguard.format(parsed, "ini"))
end)

test("dns", function()
        local c <close> = assert(fabricnet.context())
        local stub <close> = assert(c.dns.stub({["local.x"] = {"127.0.0.1:5301"}, ["."] = {"127.0.0.1"}}, {listen = {"127.0.0.1:0"}}))
        assert(stub:fd() >= 0 and stub:events() > 0)
        equal(stub:addresses()[1]:match "^127.0.0.1:%d+$", stub:addresses()[1])
        assert(stub:process())
        equal(stub:counters().queries, 0)
        stub:flush()
        equal(stub:counters().cache_entries, 0)
        stub:reconnect()
        equal(stub:counters().stale + stub:counters().filtered, 0)
        assert(stub:reload(c.dns.routes{["."] = {"127.0.0.2"}}))
        fails(fabricnet.EINVAL, "the stub itself", stub:reload(c.dns.routes{["."] = {stub:addresses()[1]}}))
        fails(fabricnet.EINVAL, "cache", c.dns.stub({["."] = {"127.0.0.1"}}, {listen = {"127.0.0.1:0"}, cache_bytes = 1}))
        equal(fabricnet.DNS_CACHE_OFF, 0xffffffff)
        assert(c.dns.stub({["."] = {"127.0.0.1"}}, {listen = {"127.0.0.1:0"}, cache_bytes = fabricnet.DNS_CACHE_OFF})):close()
        fails(fabricnet.EEXIST, "", c.dns.stub({["."] = {"127.0.0.1"}}, {listen = stub:addresses()}))
        local inside <close> = assert(c.dns.stub({{suffix = "=nas.x", addresses = {"10.7.0.3"}}, {suffix = "x", blocked = true}}, {in_process = true}))
        local records, why = inside:query("nas.x")
        equal(records[1].address, "10.7.0.3")
        equal(why.route, "=nas.x")
        equal(why.source, "route")
        records, why = inside:query("other.x", "AAAA", 1000)
        equal(#records, 1)
        equal(records[1].type, "SOA")
        equal(why.status, "NXDOMAIN")
        fails(fabricnet.EINVAL, "no type", inside:query("nas.x", "NONSENSE"))
        fails(fabricnet.EUNAVAILABLE, "nobody answers", c.dns.explain("nas.x", "A", "127.0.0.1:9"))
        fails(fabricnet.EINVAL, "no domain name", c.dns.explain("a..b"))
        equal(assert(c.dns.host{manager = "file"}).manager, "file")
        fails(fabricnet.EUNSUPPORTED, "knows no split", c.dns.apply({["x"] = {"127.0.0.1"}}, {manager = "file", dry_run = true}))
        fails(fabricnet.EUNSUPPORTED, "knows no split", c.dns.keep({["x"] = {"127.0.0.1"}}, {manager = "file"}))
        equal(c.dns.apply({["x"] = {"127.0.0.1"}}, {manager = "file", stub = "127.0.0.1", dry_run = true})[1].object, "/etc/resolv.conf")
        c:cancel()
        fails(fabricnet.ECANCELED, "", stub:run())
        c:resume()
        equal(c.dns.routes{{suffix = "*.x", upstreams = {"[fd00::1]:53"}}}:match("a.x").upstreams[1], "[fd00::1]:53")
end)

test("monitors", function()
        local c <close> = assert(fabricnet.context())
        local monitor <close> = assert(c.wireguard.watch("none0", {interval_ms = 20, existing = true}))
        assert(monitor:timeout() <= 20)
        assert(monitor:fd() >= 0 and monitor:events() ~= 0 and monitor:process())
        equal(monitor:next(), nil)
        equal(monitor:wait(50), nil)
        c:cancel()
        fails(fabricnet.ECANCELED, "", monitor:wait())
        for _ in monitor:each() do error "nothing is there" end
        c:resume()
        fails(fabricnet.EINVAL, "no name", c.wireguard.watch "a/b")
        local config = {peers = {{public_key = fabricnet.key.public(fabricnet.key.generate()), endpoint_name = "localhost:7"}}}
        assert(assert(c.wireguard.resolve(config)).peers[1].endpoint:find ":7$")
        assert(c.wireguard.resolver("none0", config, {interval_ms = 50})):close()
        local links <close> = assert(c.link.watch{existing = true})
        assert(links:wait(1000).type == "link")
        local rules <close> = assert(c.route.watch{family = "inet", no_routes = true, existing = true})
        equal(rules:wait(1000).rule.family, "inet")
        assert(c.nat.watch{all = true}):close()
        fails(fabricnet.EINVAL, "neither", c.route.watch{no_routes = true, no_rules = true})
end)

test("headscale and tailscale that are not there", function()
        local c <close> = assert(fabricnet.context())
        local headscale <close> = assert(c.headscale{url = "http://127.0.0.1:9", api_key = c:secret "k", timeout_ms = 2000})
        fails(fabricnet.EUNAVAILABLE, "127.0.0.1:9", headscale:health())
        fails(fabricnet.EUNAVAILABLE, "", headscale:nodes())
        fails(fabricnet.EUNAVAILABLE, "", headscale:each_node())
        fails(fabricnet.EUNAVAILABLE, "", headscale:can "check-policy")
        fails(fabricnet.EUNAVAILABLE, "", headscale:keys "api")
        fails(fabricnet.EUNAVAILABLE, "", headscale:change_node({id = 1, given_name = "x"}, {dry_run = true}))
        fails(fabricnet.EUNAVAILABLE, "", headscale:apply({users = {{name = "home"}}, nodes = {{given_name = "x", tags = {}}}}))
        local config = {server_url = "https://h.example.org", split = {{suffix = "*.local.example", resolvers = {"100.64.0.7"}}},
                records = {{name = "nas.example", address = "192.168.8.10"}}, more = '{"tls_cert_path": "/c"}'}
        assert(assert(headscale:render_config(config)):find('"local.example": %[%s+"100.64.0.7"'))
        fails(fabricnet.EINVAL, "no place for a port", headscale:render_config{server_url = "https://h.example.org", resolvers = {"1.1.1.1:53"}})
        local records = os.tmpname()
        config.records_path = records
        equal(#assert(headscale:apply{config = config}), 2)
        equal(#assert(headscale:apply{config = config}), 0)
        os.remove(records)
        fails(fabricnet.EUNAVAILABLE, "pre-auth key /run/none/k", headscale:apply{keys = {{file = "/run/none/k", user = "home"}}})
        fails(fabricnet.EUNAVAILABLE, "", headscale:set_policy "{}")
        fails(fabricnet.EINVAL, "pinned key", c.headscale{url = "https://192.0.2.1", pinned_key = "sha1//x"})
        fails(fabricnet.EINVAL, "", c.headscale{url = "http://192.0.2.1", http2 = true})
        fails(fabricnet.EUNAVAILABLE, "/run/none", c.tailscale.status{socket = "/run/none"})
        fails(fabricnet.EUNAVAILABLE, "/run/none", c.tailscale.apply({accept_routes = true}, {socket = "/run/none"}))
        raises("TailscalePrefs has no member", c.tailscale.apply, {accept = true})
end)

test("nftables sets", function()
        local c <close> = assert(fabricnet.context())
        local sets = {{name = "bans", key = "ipv4_addr", intervals = true, timeouts = true}}
        equal(#assert(c.nat.apply({}, nil, sets)), 1)
        equal(#assert(c.nat.apply({}, nil, sets)), 0)
        equal(c.nat.sets()[1].key, "ipv4_addr")
        equal(c.nat.change("bans", "add", {"192.0.2.0/24", {key = "198.51.100.7", timeout_ms = 60000}}), 2)
        local timeouts = {}
        for element in assert(c.nat.elements "bans") do
                timeouts[element.key] = element.timeout_ms or 0
        end
        equal(timeouts["192.0.2.0/24"], 0)
        equal(timeouts["198.51.100.7"], 60000)
        equal(c.nat.replace("bans", {"192.0.2.0/24"}), 1)
        equal(c.nat.replace("bans", {"192.0.2.0/24", "203.0.113.1"}, {"192.0.2.0/24"}), 1)
        fails(fabricnet.ENOENT, "element 198.51.100.7 is not in the set", c.nat.change("bans", "delete", {"198.51.100.7"}))
        fails(fabricnet.ENOENT, "there is no such set", c.nat.elements "none")
        raises("no member", c.nat.change, "bans", "ad", {{kay = "1"}})
        equal(#assert(c.nat.apply({}, nil, nil, {{name = "b"}})), 13)
        equal(#assert(c.nat.apply({})), 12)
end)

test("bans", function()
        local c <close> = assert(fabricnet.context())
        local folder = os.tmpname()
        os.remove(folder)
        local engine <close> = assert(c.ban.engine{socket = folder .. ".sock", state_dir = folder, never = {"192.168.0.0/16"}})
        assert(engine:fd() >= 0 and engine:events() > 0 and engine:timeout() >= -1)
        equal(engine:trouble(), "")
        assert(engine:process())
        -- nobody but this thread serves: what is asked waits in the socket, so the asker is another process
        assert(os.execute(("(lua5.4 -e 'local c = require \"fabricnet\".context() local s = \"%s.sock\" " ..
                "c.ban.add({prefix = \"203.0.113.5\", for_good = true, reason = \"lua\"}, s) c.ban.add({prefix = \"2001:db8::1\"}, s) " ..
                "local list, state = c.ban.list(s), c.ban.status(s) " ..
                "print(#list, list[1].prefix, list[1].reason, state.bans, c.ban.reconcile(s), c.ban.delete(\"2001:db8::1\", s), c.ban.flush(s))' " ..
                ">%s.part 2>&1; mv %s.part %s.out) &"):format(folder, folder, folder, folder)))
        local answer
        while not answer do
                assert(engine:process())
                answer = io.open(folder .. ".out")
        end
        equal(answer:read "a", "2\t203.0.113.5/32\tlua\t2\t0\t1\t1\n")
        answer:close()
        fails(fabricnet.EUNAVAILABLE, "fabricnet ban serve", c.ban.list(folder .. ".none"))
        c:cancel()
        fails(fabricnet.ECANCELED, "", engine:run())
        c:resume()
        os.execute("rm -r " .. folder .. "*")
end)

test("edge", function()
        local c <close> = assert(fabricnet.context())
        local folder = os.tmpname()
        os.remove(folder)
        os.execute(("mkdir -p %s/action.d %s/filter.d %s/jail.d"):format(folder, folder, folder))
        local service = {name = "photos", names = {"photos.example.net"}, upstream = "10.9.0.2", port = 8080}
        equal(#assert(c.edge.services({service}, {directory = folder, dry_run = true})), 2)
        fails(fabricnet.EEXIST, "the name is taken", c.edge.services({service, service}, {directory = folder}))
        equal(#assert(c.edge.fail2ban{directory = folder, sshd = true, dry_run = true}), 2)
        fails(fabricnet.EINVAL, "name the file", c.edge.refresh_ranges{})
        os.execute("rm -r " .. folder)
end)

local SMALL = [[{"fabric": 1, "name": "small", "prefixes": {"lan": {"prefix": "192.168.8.0/24", "at": "router"}},
  "hosts": {"router": {"interfaces": {"v0": {"address": "192.168.8.1"}}, "forwarding": true}}}]]

test("fabric", function()
        local c <close> = assert(fabricnet.context())
        local link <close> = veth(c)
        assert(c.link.address_add{device = "v0", address = "10.9.0.1/24"}) -- ours and not in the file: to be removed
        local fabric <close> = assert(fabricnet.fabric.parse(SMALL, "small.json", c))
        equal(fabric:name(), "small")
        equal(fabric:hosts()[1], "router")
        equal(#assert(fabric:check()), 0)
        local path = assert(fabric:explain("router", "192.168.8.9/icmp"))
        equal(path.disposition, "DELIVERED_TO_SUBNET")
        equal(path.hops[1].step, "route")
        assert(fabric:render("router", "nixos"):find "checkReversePath")
        fails(fabricnet.ENOENT, "nothing is collected", fabric:render("router", "prometheus"))
        fails(fabricnet.EINVAL, "nothing is collected", fabric:collect("router", "router"))
        fails(fabricnet.ENOENT, "no service at 'router'", fabric:certificates "router")
        assert(fabric:graph "dot":find "router")
        equal(#assert(fabric:dns "router"):list(), 0)
        fails(fabricnet.EINVAL, "no host", fabric:dns "nobody")
        fails(fabricnet.ENOENT, "no mesh", fabric:headscale_dns())
        fails(fabricnet.ENOENT, "says who is", fabric:dns_keep "router")
        raises("one of svg, dot", fabric.graph, fabric, "png")
        local steps, told = assert(fabric:plan "router"), {}
        assert(#steps > 0 and steps[1].domain)
        raises("stop here", fabric.apply, fabric, "router", {progress = function() error("stop here", 0) end})
        equal(#assert(fabric:apply("router", {progress = function(step) told[#told + 1] = step end})), #told)
        assert(#told > 0)
        equal(#assert(fabric:apply "router"), 0)
        fails(fabricnet.ENOENT, "nothing waits to be confirmed", fabricnet.fabric.confirm({}, c))
        local history = assert(fabricnet.fabric.history({}, c))
        equal(history[1].outcome, "confirmed")
        assert(#history[1].changes > 0)
        assert(#assert(fabricnet.fabric.rollback(nil, {}, c)) > 0)
        assert(#assert(fabricnet.fabric.rollback(nil, {confirm_within = 60}, c)) > 0)
        assert(fabricnet.fabric.confirm({}, c))
        equal(#assert(fabricnet.fabric.recover({}, c)), 0)
        local status = assert(fabric:status "router")
        assert(status.metrics:find "# EOF\n$")
        assert(fabricnet.fabric.from_what_is({host = "router", live = true}, c):find '"router"')
        collectgarbage()
        equal(#status.plan, 0)
        raises("fabric options has no member 'hots'", fabric.plan, fabric, "router", {hots = 3})
        fails(fabricnet.EINVAL, "small.json:1:", fabricnet.fabric.parse("{", "small.json"))
        fails(fabricnet.ENOENT, "", fabric:headscale())
end)

print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0, true)
