-- SPDX-License-Identifier: LGPL-2.1-or-later
--- A declared two-layer private network: WireGuard and Tailscale with Headscale.
--
--   local fabricnet = require "fabricnet"
--   local c <close> = fabricnet.context{netns = "vps"}
--   local links, message, code = c.link.list()
--
-- What fails in the environment returns nil, a message and a code (fabricnet.ENOENT …); misuse is an error. Records are tables with
-- the members of the C header; addresses, prefixes, endpoints and public keys are strings; absent members are nil.

local core = require "fabricnet.core"

local fabricnet = {version = core.fbn_version()}

for name, value in pairs(core) do
        if name:match "^FBN_E[A-Z]+$" or name == "FBN_DNS_CACHE_OFF" then
                fabricnet[name:sub(5)] = value
        end
end

-- The records behind a handle, or the failure as it came.
local function all(read, handle, ...)
        if handle == nil then
                return nil, ...
        end
        return read(handle)
end

local function changes(...)
        return all(core.fbn_changes_all, ...)
end

-- A list of the library's, filled with these records.
local function filled(context, new, fill, items)
        local list, message, code = new(context)
        if not list then
                return nil, message, code
        end
        local ok
        ok, message, code = fill(context, list, items)
        if not ok then
                return nil, message, code
        end
        return list
end

-- Calls apply(list) if the list could be made.
local function with(apply, list, ...)
        if not list then
                return nil, ...
        end
        return apply(list)
end

-- Objects of ours: methods, and the handle dropped by close() or at the end of a <close> variable.
local function class(methods)
        methods.__index = methods
        methods.__close = function(self) self:close() end
        methods.__name = methods.__name or "fabricnet"
        function methods:close()
                core.close(self.handle)
        end
        return methods
end

local Monitor = class{__name = "fabricnet.monitor"}

-- A monitor, or the failure as it came.
local function monitor(context, made, ...)
        if made == nil then
                return nil, ...
        end
        return setmetatable({handle = made, context = context}, Monitor)
end
function Monitor:fd()
        return core.fbn_monitor_fd(self.handle)
end
function Monitor:events()
        return core.fbn_monitor_events(self.handle)
end
--- Milliseconds until process() is due; -1: only when the descriptor is ready.
function Monitor:timeout()
        return core.fbn_monitor_timeout(self.handle)
end
function Monitor:process()
        return core.fbn_monitor_process(self.context(), self.handle)
end
--- The next event that process() found; nil: no more now.
function Monitor:next()
        return core.fbn_monitor_next(self.handle)
end
--- The next event, waiting at most so many milliseconds, for ever without; nil: the time passed; nil, message, code: a failure.
function Monitor:wait(timeout_ms)
        local event = self:next()
        if event then
                return event
        end
        local ok, message, code = core.fbn_monitor_wait(self.context(), self.handle, timeout_ms or -1)
        if not ok then
                return nil, message, code
        end
        return self:next()
end
--- for event in monitor:each() do … end; ends when waiting fails, such as after cancel().
function Monitor:each()
        return function() return self:wait() end
end

local domains = {}

function domains.link(handle)
        local link = {}

        function link.list(name)
                return all(core.fbn_links_all, core.fbn_link_list(handle(), name))
        end
        function link.get(name)
                return all(function(list) return core.fbn_links_at(list, 0) end, core.fbn_link_list(handle(), name))
        end
        function link.create(record)
                return core.fbn_link_create(handle(), record)
        end
        function link.set(record)
                return core.fbn_link_set(handle(), record)
        end
        function link.delete(name)
                return core.fbn_link_delete(handle(), name)
        end
        function link.altname_delete(name, altname)
                return core.fbn_link_altname_delete(handle(), name, altname)
        end
        --- netns: a name, a path, a process id, or "fd:7"
        function link.move(name, netns)
                return core.fbn_link_move(handle(), name, tostring(netns))
        end
        function link.apply(record, options)
                return changes(core.fbn_link_apply(handle(), record, options))
        end
        function link.addresses(device)
                return all(core.fbn_link_addresses_all, core.fbn_link_address_list(handle(), device))
        end
        function link.address_add(record)
                return core.fbn_link_address_add(handle(), record)
        end
        function link.address_delete(record)
                return core.fbn_link_address_delete(handle(), record)
        end
        --- addresses: strings, or records
        function link.address_apply(device, addresses, options)
                local records = {}
                for i, address in ipairs(addresses) do
                        records[i] = type(address) == "table" and address or {device = device, address = address}
                end
                return with(function(want)
                        return changes(core.fbn_link_address_apply(handle(), device, want, options))
                end, filled(handle(), core.fbn_link_addresses_new, core.fbn_link_addresses_fill, records))
        end
        --- options: device, existing, buffer_bytes
        function link.watch(options)
                return monitor(handle, core.fbn_link_monitor_new(handle(), options))
        end
        return link
end

function domains.route(handle)
        local route = {}

        function route.list(filter)
                return all(core.fbn_routes_all, core.fbn_route_list(handle(), filter))
        end
        function route.add(record)
                return core.fbn_route_add(handle(), record)
        end
        function route.delete(record)
                return core.fbn_route_delete(handle(), record)
        end
        function route.replace(record)
                return core.fbn_route_replace(handle(), record)
        end
        function route.append(record)
                return core.fbn_route_append(handle(), record)
        end
        --- packet: an address, or a table {destination = …, source = …, in_device = …, mark = …}; the way and the route that was matched
        function route.get(packet)
                return all(function(list) return core.fbn_routes_at(list, 0), core.fbn_routes_at(list, 1) end,
                           core.fbn_route_get(handle(), type(packet) == "table" and packet or {destination = packet}))
        end
        function route.apply(routes, options)
                return with(function(want)
                        return changes(core.fbn_route_apply(handle(), want, options))
                end, filled(handle(), core.fbn_routes_new, core.fbn_routes_fill, routes))
        end
        --- options: family, table, protocol, device, no_routes, no_rules, existing, buffer_bytes
        function route.watch(options)
                return monitor(handle, core.fbn_route_monitor_new(handle(), options))
        end
        return route
end

function domains.rule(handle)
        local rule = {}

        --- family: "inet", "inet6" or nil
        function rule.list(family)
                return all(core.fbn_rules_all, core.fbn_rule_list(handle(), family))
        end
        function rule.add(record)
                return core.fbn_rule_add(handle(), record)
        end
        function rule.delete(record)
                return core.fbn_rule_delete(handle(), record)
        end
        function rule.match(packet)
                return all(core.fbn_rules_all, core.fbn_rule_match(handle(), type(packet) == "table" and packet or {destination = packet}))
        end
        function rule.apply(rules, options)
                return with(function(want)
                        return changes(core.fbn_rule_apply(handle(), want, options))
                end, filled(handle(), core.fbn_rules_new, core.fbn_rules_fill, rules))
        end
        return rule
end

function domains.nexthop(handle)
        local nexthop = {}

        function nexthop.list()
                return all(core.fbn_nexthops_all, core.fbn_nexthop_list(handle()))
        end
        function nexthop.add(record)
                return core.fbn_nexthop_add(handle(), record)
        end
        function nexthop.delete(id)
                return core.fbn_nexthop_delete(handle(), id)
        end
        function nexthop.apply(nexthops, options)
                return with(function(want)
                        return changes(core.fbn_nexthop_apply(handle(), want, options))
                end, filled(handle(), core.fbn_nexthops_new, core.fbn_nexthops_fill, nexthops))
        end
        return nexthop
end

function domains.neighbour(handle)
        local neighbour = {}

        function neighbour.list(device)
                return all(core.fbn_neighbours_all, core.fbn_neighbour_list(handle(), device))
        end
        function neighbour.add(record)
                return core.fbn_neighbour_add(handle(), record)
        end
        function neighbour.delete(record)
                return core.fbn_neighbour_delete(handle(), record)
        end
        function neighbour.apply(neighbours, options)
                return with(function(want)
                        return changes(core.fbn_neighbour_apply(handle(), want, options))
                end, filled(handle(), core.fbn_neighbours_new, core.fbn_neighbours_fill, neighbours))
        end
        return neighbour
end

function domains.sysctl(handle)
        local sysctl = {}

        function sysctl.get(key)
                return core.fbn_sysctl_get(handle(), key)
        end
        function sysctl.set(key, value)
                return core.fbn_sysctl_set(handle(), key, value)
        end
        local function list(settings)
                local records = {}
                for key, value in pairs(settings) do
                        records[#records + 1] = type(key) == "number" and value or {key = key, value = value}
                end
                return filled(handle(), core.fbn_sysctls_new, core.fbn_sysctls_fill, records)
        end
        --- settings: {["net.ipv4.ip_forward"] = 1}, or records
        function sysctl.apply(settings, options)
                return with(function(want)
                        return changes(core.fbn_sysctl_apply(handle(), want, options))
                end, list(settings))
        end
        --- What apply(settings) would overwrite; apply() it to undo.
        function sysctl.snapshot(settings)
                return with(function(want)
                        return all(core.fbn_sysctls_all, core.fbn_sysctl_snapshot(handle(), want))
                end, list(settings))
        end
        --- A file of sysctl.d(5); without settings it is removed.
        function sysctl.persist(path, settings)
                return with(function(want)
                        return core.fbn_sysctl_persist(handle(), path, want)
                end, list(settings or {}))
        end
        function sysctl.explain(device)
                return all(core.fbn_sysctl_effects_all, core.fbn_sysctl_explain(handle(), device))
        end
        --- What this namespace does with a packet: {source = "10.0.0.7", destination = "10.9.0.1", in_device = "eth0"}
        function sysctl.rpfilter(packet)
                return core.fbn_rpfilter_ask(handle(), packet)
        end
        --- The same from an explicit state: nothing is read.
        function sysctl.rpfilter_verdict(state)
                return core.fbn_rpfilter_verdict(handle(), state)
        end
        function sysctl.rp_filter(device)
                return core.fbn_sysctl_rp_filter(handle(), device)
        end
        return sysctl
end

-- A configuration as a table: {interface = {…}, peers = {{…}, …}}.
local function configuration(wireguard)
        return {interface = core.fbn_wireguard_interface_of(wireguard), peers = core.fbn_wireguard_all(wireguard)}
end

function domains.wireguard(handle)
        local wireguard = {}

        --- Returns the backend, "kernel" or "userspace".
        function wireguard.create(name, options)
                return core.fbn_wireguard_create(handle(), name, options)
        end
        --- Names and backends only, get() reads the rest.
        function wireguard.list()
                return all(core.fbn_wireguards_all, core.fbn_wireguard_list(handle()))
        end
        --- Ends the daemon that runs it, too.
        function wireguard.delete(name)
                return core.fbn_wireguard_delete(handle(), name)
        end
        function wireguard.get(name)
                return all(configuration, core.fbn_wireguard_get(handle(), name))
        end
        --- parse_file() and apply() in one, faster where a daemon has thousands of peers.
        function wireguard.apply_file(name, path, options)
                return changes(core.fbn_wireguard_apply_file(handle(), name, path, options))
        end
        function wireguard.apply(name, config, options)
                local function new(context)
                        return core.fbn_wireguard_new(context, config.interface or {})
                end
                return with(function(want)
                        return changes(core.fbn_wireguard_apply(handle(), name, want, options))
                end, filled(handle(), new, core.fbn_wireguard_fill, config.peers or {}))
        end
        --- The configuration with endpoints in place of names; name: the interface that it is for, or nil
        function wireguard.resolve(config, name, timeout_ms)
                local new = function(context) return core.fbn_wireguard_new(context, config.interface or {}) end
                return with(function(want)
                        return all(configuration, core.fbn_wireguard_resolve(handle(), name, want, timeout_ms or 0))
                end, filled(handle(), new, core.fbn_wireguard_fill, config.peers or {}))
        end
        --- A monitor that gives peers the endpoints of their names. options: interval_ms, stale_s, family
        function wireguard.resolver(name, config, options)
                local new = function(context) return core.fbn_wireguard_new(context, config.interface or {}) end
                return with(function(want)
                        return monitor(handle, core.fbn_wireguard_resolver_new(handle(), name, want, options))
                end, filled(handle(), new, core.fbn_wireguard_fill, config.peers or {}))
        end
        --- options: interval_ms, stale_s, counters_ms, counters_bytes, existing
        function wireguard.watch(name, options)
                return monitor(handle, core.fbn_wireguard_monitor_new(handle(), name, options))
        end
        return wireguard
end

function domains.nat(handle)
        local nat = {}

        function nat.get()
                return all(core.fbn_nat_all, core.fbn_nat_get(handle()))
        end
        function nat.foreign()
                return all(core.fbn_nat_foreigns_all, core.fbn_nat_foreign_list(handle()))
        end
        --- Follow packets: {source = "10.0.0.7", protocol = "tcp"}; each event has a trace.
        function nat.trace(options)
                return monitor(handle, core.fbn_nat_trace_new(handle(), options))
        end
        --- Of the whole ruleset: for the option generation of apply, when what is wanted is made from what stands.
        function nat.generation()
                return core.fbn_nat_generation(handle())
        end
        --- sets, bans: records, or nil for none
        function nat.apply(rules, options, sets, bans)
                return with(function(want)
                        local ok, message, code = core.fbn_nat_sets_fill(handle(), want, sets or {})
                        if ok then
                                ok, message, code = core.fbn_nat_bans_fill(handle(), want, bans or {})
                        end
                        if not ok then
                                return nil, message, code
                        end
                        return changes(core.fbn_nat_apply(handle(), want, options))
                end, filled(handle(), core.fbn_nat_new, core.fbn_nat_fill, rules))
        end
        --- The sets without what they have.
        function nat.sets()
                return all(core.fbn_nat_sets_all, core.fbn_nat_get(handle()))
        end
        local function list(set, elements)
                local records = {}
                for i, element in ipairs(elements) do
                        records[i] = type(element) == "table" and element or {key = element}
                end
                return filled(handle(), function(context) return core.fbn_nat_elements_new(context, set) end, core.fbn_nat_elements_fill, records)
        end
        --- Change a set's elements, strings or records; verb: "add", "delete", "refresh". Returns how many were sent.
        function nat.change(set, verb, elements)
                return with(function(given)
                        return core.fbn_nat_elements_send(handle(), given, verb)
                end, list(set, elements))
        end
        --- Make a set have exactly these elements, unread if it is known what it has. Returns how many differed.
        function nat.replace(set, elements, known)
                return with(function(given)
                        if not known then
                                return core.fbn_nat_elements_replace(handle(), given, nil)
                        end
                        return with(function(last)
                                return core.fbn_nat_elements_replace(handle(), given, last)
                        end, list(set, known))
                end, list(set, elements))
        end
        --- for element in c.nat.elements("bans") do … end; nil, message, code: a failure. Ends with an error when reading fails midway.
        function nat.elements(set)
                local reader, message, code = core.fbn_nat_reader_new(handle(), set)
                if not reader then
                        return nil, message, code
                end
                return function()
                        local element, failure = core.fbn_nat_reader_next(handle(), reader)
                        return element or (failure and error(failure, 2)) or nil
                end
        end
        --- options: all, existing, buffer_bytes
        function nat.watch(options)
                return monitor(handle, core.fbn_nat_monitor_new(handle(), options))
        end
        return nat
end

local Engine = class{__name = "fabricnet.engine"}

function Engine:fd()
        return core.fbn_ban_engine_fd(self.handle)
end
function Engine:events()
        return core.fbn_ban_engine_events(self.handle)
end
--- Milliseconds until process() is due without an event; -1: never.
function Engine:timeout()
        return core.fbn_ban_engine_timeout(self.handle)
end
function Engine:process()
        return core.fbn_ban_engine_process(self.context(), self.handle)
end
--- Serve until the context is cancelled.
function Engine:run()
        return core.fbn_ban_engine_run(self.context(), self.handle)
end
--- What does not work now; "" if all does.
function Engine:trouble()
        return core.fbn_ban_engine_trouble(self.handle)
end

--- Files of other hosts, kept in generations.
function domains.backup(handle)
        return {
                --- backup: host, path, private_key, host_key, folder; user, port, keep, timeout_s. 1: there is a new generation, 0: nothing changed
                run = function(backup)
                        return core.fbn_backup_run(handle(), backup)
                end,
                state = function(folder)
                        return core.fbn_backup_state_get(handle(), folder)
                end,
        }
end

--- Bans: asks the engine of this host; socket (the last argument of each) is where another listens.
function domains.ban(handle)
        local ban = {}

        --- record: prefix, duration_ms, for_good, reason. In force and stored when this returns.
        function ban.add(record, socket)
                return core.fbn_ban_add(handle(), socket, record)
        end
        function ban.delete(prefix, socket)
                return core.fbn_ban_delete(handle(), socket, prefix)
        end
        function ban.flush(socket)
                return core.fbn_ban_flush(handle(), socket)
        end
        function ban.reconcile(socket)
                return core.fbn_ban_reconcile(handle(), socket)
        end
        function ban.list(socket)
                return all(core.fbn_bans_all, core.fbn_ban_list(handle(), socket))
        end
        function ban.status(socket)
                return all(core.fbn_bans_state, core.fbn_ban_status(handle(), socket))
        end
        --- options: those of fbn_ban_engine_options
        function ban.engine(options)
                local made, message, code = core.fbn_ban_engine_new(handle(), options)
                if not made then
                        return nil, message, code
                end
                return setmetatable({handle = made, context = handle}, Engine)
        end
        return ban
end

--- What nginx and fail2ban on the public host are to do; options as in C.
function domains.edge(handle)
        local edge = {}

        --- options: file (required), url, ca_file, timeout_ms, dry_run
        function edge.refresh_ranges(options)
                return changes(core.fbn_cdn_refresh(handle(), options))
        end
        --- Make nginx serve these records and no other name.
        function edge.services(services, options)
                return with(function(made) return changes(core.fbn_services_apply(handle(), made, options)) end,
                        filled(handle(), core.fbn_services_new, core.fbn_services_fill, services))
        end
        function edge.fail2ban(options)
                return changes(core.fbn_fail2ban_apply(handle(), options))
        end
        return edge
end

local Router = class{__name = "fabricnet.router"}

local function router_of(context, handle, ...)
        if not handle then
                return nil, ...
        end
        return setmetatable({handle = handle, context = context}, Router)
end

function Router:objects()
        return core.fbn_router_all(self.handle)
end
--- The objects as they stand in config.xml, or the fabric file; no secret is in it.
function Router:render()
        return core.fbn_router_render(self.context, self.handle)
end
--- What of ours the router has now.
function Router:read()
        return all(core.fbn_router_all, core.fbn_router_read(self.context, self.handle))
end
--- What apply() would do now.
function Router:plan(options)
        return self:apply{dry_run = true, local_only = options and options.local_only}
end
--- options: confirm_within (seconds), backups, local_only
function Router:apply(options)
        return changes(core.fbn_router_apply(self.context, self.handle, options))
end

--- A router and what it should have; without access it can only be rendered.
function domains.router(handle)
        return function(fabric, objects, access)
                return router_of(handle(), with(function(made)
                        local ok, message, code = core.fbn_router_fill(handle(), made, objects or {})
                        if not ok then
                                return nil, message, code
                        end
                        return made
                end, core.fbn_router_new(handle(), fabric, access)))
        end
end

local Stub = class{__name = "fabricnet.stub"}

function Stub:fd()
        return core.fbn_dns_stub_fd(self.handle)
end
function Stub:events()
        return core.fbn_dns_stub_events(self.handle)
end
--- Milliseconds until process() is due without an event; -1: never.
function Stub:timeout()
        return core.fbn_dns_stub_timeout(self.handle)
end
function Stub:process()
        return core.fbn_dns_stub_process(self.context(), self.handle)
end
--- Serve until the context is cancelled.
function Stub:run()
        return core.fbn_dns_stub_run(self.context(), self.handle)
end
function Stub:counters()
        return core.fbn_dns_stub_counters(self.handle)
end
--- Take other routes: a result of dns.routes(). Answers kept stay where a route's suffix and upstreams are the same.
function Stub:reload(routes)
        return core.fbn_dns_stub_reload(self.context(), self.handle, routes.handle)
end
--- Ask by the stub's routes: the records, and why; of PTR an address may be asked. type: "A" if left out.
function Stub:query(name, type, timeout_ms)
        local answer, message, code = core.fbn_dns_query(self.context(), self.handle, name, type or "A", timeout_ms or 0)
        if not answer then
                return nil, message, code
        end
        return core.fbn_dns_answer_all(answer), core.fbn_dns_answer_explain(answer)
end
--- Forget all answers kept.
function Stub:flush()
        core.fbn_dns_stub_flush(self.handle)
end
--- Forget what is known of the upstreams and the sockets towards them, not the cache: a link or an address changed.
function Stub:reconnect()
        core.fbn_dns_stub_reconnect(self.handle)
end
function Stub:addresses()
        local found = {}
        repeat
                found[#found + 1] = core.fbn_dns_stub_address(self.handle, #found)
        until core.fbn_dns_stub_address(self.handle, #found) == nil
        return found
end

local Routes = class{__name = "fabricnet.routes"}

function Routes:list()
        return core.fbn_dns_routes_all(self.handle)
end
function Routes:match(name)
        return core.fbn_dns_routes_match(self.handle, name)
end

function domains.dns(handle)
        local dns = {}

        -- {["local.example"] = {"10.0.0.1:53"}}, or a list of records
        local function table_of(routes)
                local records = {}
                for suffix, upstreams in pairs(routes) do
                        records[#records + 1] = type(suffix) == "string" and {suffix = suffix, upstreams = upstreams} or upstreams
                end
                return filled(handle(), core.fbn_dns_routes_new, core.fbn_dns_routes_fill, records)
        end
        function dns.routes(routes)
                return with(function(made) return setmetatable({handle = made}, Routes) end, table_of(routes))
        end
        --- options: listen (list of endpoints), timeout_ms, max_pending, strict, in_process, cache_bytes (fabricnet.DNS_CACHE_OFF: none),
        --- allow (list of prefixes), allow_private, shared, sockets (list of descriptors), log_fd, log_names
        function dns.stub(routes, options)
                return with(function(made)
                        local stub, message, code = core.fbn_dns_stub_new(handle(), made, options)
                        if not stub then
                                return nil, message, code
                        end
                        return setmetatable({handle = stub, context = handle}, Stub)
                end, table_of(routes))
        end
        --- Ask a stub that another process of this host serves, and why its answer is what it is: the records, and why. stub: "127.0.0.1:53" if left out.
        function dns.explain(name, type, stub, timeout_ms)
                local answer, message, code = core.fbn_dns_explain(handle(), stub or "127.0.0.1:53", name, type or "A", timeout_ms or 0)
                if not answer then
                        return nil, message, code
                end
                return core.fbn_dns_answer_all(answer), core.fbn_dns_answer_explain(answer)
        end
        --- Who resolves the names of this host, and what it asked without us.
        function dns.host(options)
                local host, message, code = core.fbn_dns_host_get(handle(), options)
                if not host then
                        return nil, message, code
                end
                return core.fbn_dns_host_state_get(host)
        end
        --- Make this host's own resolver follow the routes, {} takes our part away. options: manager, device, stub, search, restart, dry_run
        function dns.apply(routes, options)
                return with(function(made) return all(core.fbn_changes_all, core.fbn_dns_host_apply(handle(), made, options)) end, table_of(routes))
        end
        --- dns.apply() now, and again whenever the service restarts or somebody writes over our part.
        function dns.keep(routes, options)
                return with(function(made) return monitor(handle, core.fbn_dns_host_monitor_new(handle(), made, options)) end, table_of(routes))
        end
        return dns
end

local Headscale = class{__name = "fabricnet.headscale"}

function Headscale:health()
        return core.fbn_headscale_health(self.context(), self.handle)
end
function Headscale:version()
        return core.fbn_headscale_version(self.context(), self.handle)
end
--- ability: "set-expiry", "move-nodes", "untag", "check-policy", "delete-keys", "mint-tagged", "judge-logins"
function Headscale:can(ability)
        return core.fbn_headscale_can(self.context(), self.handle, ability)
end
--- A text, a line for each thing in a server's config.yaml that the server refuses, or takes and ignores.
function Headscale:check_config(path)
        return core.fbn_headscale_config_check(self.context(), path)
end
--- A server's config.yaml. config: server_url, listen, folder, prefixes, base_domain, resolvers, split (list of {suffix, resolvers}), search_domains,
--- records (list of {name, address}), records_path, more (a text of JSON)
function Headscale:render_config(config)
        return core.fbn_headscale_config_render(self.context(), config)
end
function Headscale:users()
        return all(core.fbn_headscale_users_all, core.fbn_headscale_user_list(self.context(), self.handle))
end
function Headscale:create_user(name)
        return core.fbn_headscale_user_create(self.context(), self.handle, name)
end
function Headscale:rename_user(id, name)
        return core.fbn_headscale_user_rename(self.context(), self.handle, id, name)
end
function Headscale:delete_user(id)
        return core.fbn_headscale_user_delete(self.context(), self.handle, id)
end
--- options: user, kind ("pre-auth" or "api"), reusable, ephemeral, valid_for (nanoseconds), tags. Returns a secret.
function Headscale:mint_key(options)
        return core.fbn_headscale_key_mint(self.context(), self.handle, options)
end
--- kind: "pre-auth" or "api"
function Headscale:keys(kind)
        return all(core.fbn_headscale_keys_all, core.fbn_headscale_key_list(self.context(), self.handle, kind or "pre-auth"))
end
function Headscale:expire_key(id, kind)
        return core.fbn_headscale_key_expire(self.context(), self.handle, kind or "pre-auth", id)
end
function Headscale:delete_key(id, kind)
        return core.fbn_headscale_key_delete(self.context(), self.handle, kind or "pre-auth", id)
end
--- Another API key for this connection, which goes on with it; the old one works until it is expired.
function Headscale:rotate_key(valid_for)
        return core.fbn_headscale_key_rotate(self.context(), self.handle, valid_for or 0)
end
--- for node in headscale:each_node() do … end: only one is held. nil, message, code: a failure. Ends with an error when reading fails midway.
function Headscale:each_node()
        local context = self.context()
        local reader, message, code = core.fbn_headscale_reader_new(context, self.handle)
        if not reader then
                return nil, message, code
        end
        return function()
                local node, failure = core.fbn_headscale_reader_next(context, reader)
                return node or (failure and error(failure, 2)) or nil
        end
end
--- want: id and of given_name, user, tags, approved_routes, expiry what is meant. options: add, remove (routes), wait_ms, dry_run
function Headscale:change_node(want, options)
        return changes(core.fbn_headscale_node_change(self.context(), self.handle, want, options))
end
--- want: users, nodes, policy, policy_before, keys (list of {file, kind, user, tags, reusable, ephemeral, valid_for, renew_before}), config as
--- for render_config(), config_path. options: wait_ms, dry_run
function Headscale:apply(want, options)
        return changes(core.fbn_headscale_apply(self.context(), self.handle, want, options))
end
--- interval_ms: 5000 if not given
function Headscale:watch(interval_ms)
        return monitor(self.context, core.fbn_headscale_monitor_new(self.context(), self.handle, interval_ms or 0))
end
function Headscale:judge_login(id, yes)
        return core.fbn_headscale_login_judge(self.context(), self.handle, id, yes)
end
function Headscale:backfill()
        return core.fbn_headscale_node_backfill(self.context(), self.handle)
end
function Headscale:nodes()
        return all(core.fbn_headscale_nodes_all, core.fbn_headscale_node_list(self.context(), self.handle))
end
--- Approve exactly these routes of a node.
function Headscale:approve(node, routes)
        return core.fbn_headscale_node_approve(self.context(), self.handle, node, routes)
end
function Headscale:register(user, registration)
        return core.fbn_headscale_node_register(self.context(), self.handle, user, registration)
end
function Headscale:rename_node(node, name)
        return core.fbn_headscale_node_rename(self.context(), self.handle, node, name)
end
function Headscale:delete_node(node)
        return core.fbn_headscale_node_delete(self.context(), self.handle, node)
end
function Headscale:policy()
        return core.fbn_headscale_policy_get(self.context(), self.handle)
end
function Headscale:check_policy(policy)
        return core.fbn_headscale_policy_check(self.context(), self.handle, policy)
end
--- Returns the policy until now, "" if there was none.
function Headscale:set_policy(policy)
        return core.fbn_headscale_policy_set(self.context(), self.handle, policy)
end

-- A function, because a context has one connection for each server: c.headscale{url = …, api_key = secret, ca_file = …}.
function domains.headscale(handle)
        return function(options)
                local made, message, code = core.fbn_headscale_new(handle(), options)
                if not made then
                        return nil, message, code
                end
                return setmetatable({handle = made, context = handle}, Headscale)
        end
end

-- options of all calls: socket, timeout_ms; of status also advice, of apply and enrol dry_run, of enrol reauthenticate and progress
function domains.tailscale(handle)
        local tailscale = {}

        --- State and self, with the list peers.
        function tailscale.status(options)
                return all(function(status)
                        local state = core.fbn_tailscale_status_state(status)
                        state.peers = core.fbn_tailscale_status_all(status)
                        return state
                end, core.fbn_tailscale_status_get(handle(), options))
        end
        function tailscale.prefs(options)
                return all(core.fbn_tailscale_settings_prefs, core.fbn_tailscale_settings_get(handle(), options))
        end
        function tailscale.apply(prefs, options)
                return changes(core.fbn_tailscale_apply(handle(), options, prefs))
        end
        --- auth_key: a secret, or nil
        function tailscale.enrol(prefs, auth_key, options)
                return changes(core.fbn_tailscale_enrol(handle(), options, prefs, auth_key))
        end
        --- The node that has a mesh address.
        function tailscale.whois(address, options)
                return all(function(status)
                        return core.fbn_tailscale_status_all(status)[1]
                end, core.fbn_tailscale_whois(handle(), options, address))
        end
        --- size: bytes of the packet to try, or nil
        function tailscale.ping(address, size, options)
                return core.fbn_tailscale_ping(handle(), options, address, size or 0)
        end
        --- A text, a line for each record.
        function tailscale.resolve(name, type, options)
                return core.fbn_tailscale_resolve(handle(), options, name, type or "A")
        end
        function tailscale.metrics(options)
                return core.fbn_tailscale_metrics(handle(), options)
        end
        function tailscale.watch(options)
                return monitor(handle, core.fbn_tailscale_monitor_new(handle(), options))
        end
        function tailscale.logout(options)
                return core.fbn_tailscale_logout(handle(), options)
        end
        return tailscale
end

local Context = {__name = "fabricnet.context"}

-- Domains are made when they are first asked for.
function Context:__index(name)
        local domain = domains[name]
        if not domain then
                return Context[name]
        end
        local made = domain(function() return self.handle end)
        rawset(self, name, made)
        return made
end

function Context:close()
        core.close(self.handle)
end
Context.__close = Context.close

function Context:cancel()
        core.fbn_context_cancel(self.handle)
end
function Context:resume()
        core.fbn_context_resume(self.handle)
end
--- The last failure: message, code, errno, object.
function Context:error()
        local handle = self.handle
        return {
                message = core.fbn_context_error(handle), code = core.fbn_context_error_code(handle),
                errno = core.fbn_context_error_errno(handle), object = core.fbn_context_error_object(handle),
        }
end
function Context:secret(bytes)
        return core.fbn_secret_new(self.handle, bytes)
end
function Context:secret_file(path)
        return core.fbn_secret_read_file(self.handle, path)
end
function Context:credential(name)
        return core.fbn_secret_read_credential(self.handle, name)
end
function Context:write_secret(secret, path)
        return core.fbn_secret_write_file(self.handle, secret, path)
end

--- options: netns, secrets_dir
function fabricnet.context(options)
        local made, message, code = core.fbn_context_new(options or {})
        if not made then
                return nil, message, code
        end
        return setmetatable({handle = made}, Context)
end

-- For what needs no namespace: the given context's handle, or that of one of our own.
local own
local function default(context)
        if not context then
                own = own or assert(fabricnet.context())
                context = own
        end
        return context.handle
end

--- The bytes of a secret; tostring() does not show them.
function fabricnet.bytes(secret)
        return core.fbn_secret_bytes(secret)
end

fabricnet.key = {}

function fabricnet.key.generate(context)
        return core.fbn_key_generate(default(context))
end
function fabricnet.key.preshared(context)
        return core.fbn_key_generate_preshared(default(context))
end
--- The public key of a private one, as base64.
function fabricnet.key.public(private, context)
        return core.fbn_key_public(default(context), private)
end
--- text: a secret that holds base64
function fabricnet.key.decode(text, context)
        return core.fbn_key_decode(default(context), text)
end
function fabricnet.key.encode(key, context)
        return core.fbn_key_encode(default(context), key)
end
function fabricnet.key.read_file(path, context)
        return core.fbn_key_read_file(default(context), path)
end

fabricnet.wireguard = {}

function fabricnet.wireguard.parse_file(path, context)
        return all(configuration, core.fbn_wireguard_parse_file(default(context), path))
end
--- name stands for the file in errors
function fabricnet.wireguard.parse(text, name, context)
        return all(configuration, core.fbn_wireguard_parse(default(context), name or "text", text))
end

--- A file as a secret: "wg-quick" (the default), or "netdev" and "network" for systemd-networkd. What was parsed keeps order, comments
--- and unknown keys. "qr-text", "qr-svg" and "qr-png" draw a code for the app of a phone.
function fabricnet.wireguard.format(config, format, context)
        local function new(handle)
                return core.fbn_wireguard_new(handle, config.interface or {})
        end
        return with(function(wireguard)
                return core.fbn_wireguard_format(default(context), wireguard, format or "wg-quick")
        end, filled(default(context), new, core.fbn_wireguard_fill, config.peers or {}))
end

local Network = class{__name = "fabricnet.network"}

function Network:add(member)
        return core.fbn_wireguard_network_add(self.context, self.handle, member)
end
function Network:members()
        return core.fbn_wireguard_network_all(self.handle)
end
--- The configuration of one member.
function Network:derive(name)
        return all(configuration, core.fbn_wireguard_network_derive(self.context, self.handle, name))
end
--- The lowest address in a prefix that no member has.
function Network:next_address(prefix)
        return core.fbn_wireguard_network_next_address(self.context, self.handle, prefix)
end

--- A declared network, from which every member's configuration follows. options: prefixes; preshared, a secret of 32 bytes.
function fabricnet.wireguard.network(members, options, context)
        local handle = default(context)
        local function new(c)
                return core.fbn_wireguard_network_new(c, options)
        end
        return with(function(network)
                return setmetatable({context = handle, handle = network}, Network)
        end, filled(handle, new, core.fbn_wireguard_network_fill, members or {}))
end

local Fabric = class{__name = "fabricnet.fabric"}

function Fabric:name()
        return core.fbn_fabric_name(self.handle)
end
function Fabric:hosts()
        local hosts = {}
        for i = 1, core.fbn_fabric_host_count(self.handle) do
                hosts[i] = core.fbn_fabric_host_at(self.handle, i - 1)
        end
        return hosts
end
function Fabric:check()
        return all(core.fbn_findings_all, core.fbn_fabric_check(default(self.context), self.handle))
end

--- {disposition = "ACCEPTED", hops = {…}}: a packet's way from a host to a host, name, service or address
function Fabric:explain(from, to)
        return all(function(path)
                return {disposition = core.fbn_fabric_path_disposition(path), hops = core.fbn_fabric_path_all(path)}
        end, core.fbn_fabric_explain(default(self.context), self.handle, from, to))
end

--- format: "wg-quick", "netdev", "network", "headscale", "nixos", "prometheus", "alerts"; tunnel: of the first three, the host's only one if left out
function Fabric:render(host, format, tunnel)
        return core.fbn_fabric_render(default(self.context), self.handle, host, format, tunnel)
end

local function host_options(host, options)
        local copy = {}
        for name, value in pairs(options or {}) do
                copy[name] = value
        end
        copy.host = host
        return copy
end

--- The steps in their order; also digest, for plan_digest of an apply, and findings: what is live and would get in the way.
-- options: tailscale_socket, ca_file, auth_key_file, local_only, ignore_errors, management, plan_digest
function Fabric:plan(host, options)
        return all(function(plan)
                local steps = core.fbn_plan_all(plan)
                steps.digest, steps.findings = core.fbn_plan_digest(plan), core.fbn_findings_all(core.fbn_plan_findings(plan))
                return steps
        end, core.fbn_fabric_plan(default(self.context), self.handle, host_options(host, options)))
end

--- options also: progress, a function that is told each step before it is taken; its error ends the apply, all is put
-- back, and it is raised here; confirm_within, seconds after which all is put back unless fabricnet.fabric.confirm() was called.
function Fabric:apply(host, options)
        local context = default(self.context)
        local members = host_options(host, options)
        local progress, failed, failure = members.progress, false, nil
        if type(progress) == "function" then
                function members.progress(step)
                        if failed then
                                return
                        end
                        local ok, problem = pcall(progress, step)
                        if not ok then
                                failed, failure = true, problem
                                core.fbn_context_cancel(context)
                        end
                end
        end
        local done, message, code = core.fbn_fabric_apply(context, self.handle, members)
        if failed then
                core.fbn_context_resume(context)
                error(failure, 0)
        end
        return all(core.fbn_plan_all, done, message, code)
end

--- {facts = {…}, plan = {…}, metrics = "…"}; options also: probe
function Fabric:status(host, options)
        return all(function(status)
                return {facts = core.fbn_fabric_status_all(status), plan = core.fbn_plan_all(core.fbn_fabric_status_plan(status)),
                        metrics = core.fbn_fabric_status_metrics(status)}
        end, core.fbn_fabric_status_get(default(self.context), self.handle, host_options(host, options)))
end

--- Fetch what the file backs up to this host, or that one of it; the new generations.
function Fabric:backup(host, name)
        return all(core.fbn_changes_all, core.fbn_fabric_backup(default(self.context), self.handle, {host = host}, name))
end

--- The metrics of another host as OpenMetrics, asked over ssh by this one as the file says.
function Fabric:collect(host, of)
        return core.fbn_fabric_collect(default(self.context), self.handle, {host = host}, of)
end

--- Get the certificates of this host's services that are missing or due; their files.
function Fabric:certificates(host)
        return all(core.fbn_changes_all, core.fbn_fabric_certificates(default(self.context), self.handle, {host = host}))
end

--- A router that the file declares with "ssh", as it is managed from a host: see fabricnet.router.
function Fabric:router(name, host, options)
        local context = default(self.context)
        return router_of(context, core.fbn_fabric_router(context, self.handle, host_options(host, options), name))
end

--- A connection to the fabric's Headscale server, with the API key that the file names.
function Fabric:headscale(ca_file)
        local context = default(self.context)
        local made, message, code = core.fbn_fabric_headscale(context, self.handle, ca_file)
        if not made then
                return nil, message, code
        end
        return setmetatable({handle = made, context = function() return context end}, Headscale)
end

--- A pre-auth key for a declared node: single use, valid for an hour, for the node's user and tags.
function Fabric:mint(headscale, node)
        return core.fbn_fabric_mint(headscale.context(), self.handle, headscale.handle, node)
end

--- Where names go on a host, as dns.routes() has it; there is no default in it. records: false leaves out what is answered with authority.
function Fabric:dns(host, records)
        local routes, message, code = core.fbn_fabric_dns(default(self.context), self.handle, host, records ~= false)
        if not routes then
                return nil, message, code
        end
        return setmetatable({handle = routes}, Routes)
end
--- Tell this host's resolver the declared names, and again whenever it restarts or somebody writes over it: a monitor.
function Fabric:dns_keep(host)
        local context = function() return default(self.context) end
        return monitor(context, core.fbn_fabric_dns_keep(context(), self.handle, host))
end
--- The section "dns" of Headscale's configuration, in JSON.
function Fabric:headscale_dns()
        return core.fbn_fabric_headscale_dns(default(self.context), self.handle)
end
--- format: "svg" or "dot"
function Fabric:graph(format)
        return core.fbn_fabric_graph(default(self.context), self.handle, format or "svg")
end

fabricnet.fabric = {}

local function fabric(context, made, ...)
        if not made then
                return nil, ...
        end
        return setmetatable({handle = made, context = context}, Fabric)
end

--- Keep what was applied with confirm_within. options of these four: state_directory
function fabricnet.fabric.confirm(options, context)
        return core.fbn_fabric_confirm(default(context), options or {})
end
--- Go back to what a generation left behind; 0 or nil: undo what waits to be confirmed, else go back to what was before the last one.
function fabricnet.fabric.rollback(generation, options, context)
        return all(core.fbn_plan_all, core.fbn_fabric_rollback(default(context), generation or 0, options or {}))
end
--- Put back what was left open by a kill, and after a boot bring back what was confirmed last.
function fabricnet.fabric.recover(options, context)
        return all(core.fbn_plan_all, core.fbn_fabric_recover(default(context), options or {}))
end
--- What was changed on this host, when and by whom, the last first.
function fabricnet.fabric.history(options, context)
        return all(core.fbn_generations_all, core.fbn_fabric_history(default(context), options or {}))
end

function fabricnet.fabric.load(path, context)
        return fabric(context, core.fbn_fabric_load_file(default(context), path))
end
--- A fabric file as text, from what is there: options host, name, folder, files (of wg-quick), live, url, api_key_file, ca_file
function fabricnet.fabric.from_what_is(options, context)
        return core.fbn_fabric_import(default(context), options)
end
--- name stands for the file in errors, and its folder for relative files
function fabricnet.fabric.parse(text, name, context)
        return fabric(context, core.fbn_fabric_load(default(context), name or "fabric.json", text))
end

return fabricnet
