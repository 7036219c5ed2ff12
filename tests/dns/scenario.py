# SPDX-License-Identifier: LGPL-2.1-or-later
"""unbound's testdata/*.rpl with a forward-zone, and what else is written in their language (Deckard's sets): a conversation of a client, a
resolver and its servers, step by step. The servers' addresses are this namespace's own; time passes as it does."""
import pathlib
import re
import select
import socket
import subprocess
import threading
import time

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import world

NOT_APPLICABLE = {
    "val_*": "what must come out is validated, or a failure because it is not valid: the stub does not validate",
    "iter_fwdfirst*": "forward-first: a name whose forwarder fails is asked of the root: a name never takes another way than its route's",
    "edns_attached_once_per_upstream": "the same, with an option of unbound's own for one upstream",
    "iter_scrub_ns_fwd": "records of other names must be taken out of the answer: the stub passes them on and never keeps them",
    "local_*": "about unbound's local-data by who asks",
    "fwd_minimal": "minimal-responses: what an upstream sent beside the answer is passed on",
    "fwd_no_cache": "forward-no-cache, and minimal-responses",
    "fwd_0ttlservfail": "a failure is kept for five seconds; here for two",
    "fwd_lrudrop": "about unbound's two caches of 16 bytes each",
    "rrset_untrusted": "a cache of record sets that trusts some more than others: here whole answers are kept",
    "rrset_updated": "the same",
}
QUICK = ["fwd", "fwd_any", "fwd_cached", "fwd_error", "fwd_jostle", "fwd_notcached", "fwd_two", "rrset_rettl"]
PATIENCE = 20
FLAGS = {"QR": dns.flags.QR, "AA": dns.flags.AA, "TC": dns.flags.TC, "RD": dns.flags.RD, "RA": dns.flags.RA, "AD": dns.flags.AD, "CD": dns.flags.CD}
SECTIONS = ["QUESTION", "ANSWER", "AUTHORITY", "ADDITIONAL"]


class Entry:
    """What is between ENTRY_BEGIN and ENTRY_END."""

    def __init__(self, lines):
        self.match, self.reply, self.adjust, self.sections, section = set(), set(), set(), {name: [] for name in SECTIONS}, None
        for line in lines:
            word, _, rest = line.partition(" ")
            if word == "SECTION":
                section = rest.strip()
            elif word in ("MATCH", "REPLY", "ADJUST"):
                getattr(self, word.lower()).update(rest.split())
            else:
                self.sections[section].append(line)
        name, kind = re.match(r"(\S+)\s+(?:IN\s+)?(\S+)", self.sections["QUESTION"][0]).groups() if self.sections["QUESTION"] else (".", "A")
        self.name, self.kind = dns.name.from_text(name), dns.rdatatype.from_text(kind)

    def records(self, section):
        """RRsets; what follows a name may be a lifetime and a class."""
        sets = {}
        for line in self.sections[section]:
            name, ttl, kind, data = re.match(r"(\S+)\s+(?:(\d+)\s+)?(?:IN\s+)?(\w+)\s+(.*)", line).groups()
            name, kind = dns.name.from_text(name), dns.rdatatype.from_text(kind)
            data = dns.rdata.from_text(dns.rdataclass.IN, kind, re.sub(r"\s*;.*", "", data))
            rrset = sets.setdefault((name, kind, data.covers()), dns.rrset.RRset(name, dns.rdataclass.IN, kind, data.covers()))
            rrset.add(data, int(ttl) if ttl else 3600)
        return list(sets.values())

    def rcode(self):
        return next((dns.rcode.from_text(word) for word in self.reply if word not in FLAGS and word not in ("DO", "noerror")), dns.rcode.NOERROR)

    def flags(self):
        return sum(FLAGS[word] for word in self.reply if word in FLAGS)

    def fits(self, query, tcp):
        asked = query.question[0]
        return not ((("qname" in self.match or "all" in self.match) and asked.name != self.name) or
                    (("qtype" in self.match or "all" in self.match) and asked.rdtype != self.kind) or
                    ("subdomain" in self.match and not asked.name.is_subdomain(self.name)) or ("TCP" in self.match and not tcp) or
                    ("UDP" in self.match and tcp) or ("DO" in self.match and not query.ednsflags & dns.flags.DO))

    def answer(self, query):
        answer = dns.message.make_response(query)
        answer.flags = self.flags()
        answer.set_rcode(self.rcode())
        for section in SECTIONS[1:]:
            for rrset in self.records(section):
                if rrset.name == query.question[0].name:
                    rrset.name = query.question[0].name # its letters
                answer.section_from_number(SECTIONS.index(section)).append(rrset)
        return answer


class Script:
    def __init__(self, text):
        lines = [re.sub(r"(^|\s);.*", "", line).strip() for line in text.splitlines()]
        lines = [re.sub(r"\s+", " ", line) for line in lines if line]
        end = lines.index("CONFIG_END")
        self.routes, self.servers = read_config(lines[:end])
        self.ranges, self.steps = [], []
        self.read(lines[end + 1:])

    def read(self, lines):
        inside, entry = None, None
        for line in lines:
            words = line.split()
            if entry is not None and line != "ENTRY_END":
                entry.append(line)
            elif words[0] == "RANGE_BEGIN":
                inside = {"first": int(words[1]), "last": int(words[2]), "addresses": [], "entries": []}
                self.ranges.append(inside)
            elif words[0] == "ADDRESS" and inside:
                inside["addresses"].append(words[1])
            elif words[0] == "RANGE_END":
                inside = None
            elif words[0] == "STEP":
                self.steps.append({"number": int(words[1]), "does": words[2], "words": words[3:], "entry": None})
            elif words[0] == "ENTRY_BEGIN":
                entry = []
            elif words[0] == "ENTRY_END":
                (inside["entries"].append(Entry(entry)) if inside else self.steps[-1].update(entry=Entry(entry)))
                entry = None

    def addresses(self):
        return sorted(set(self.servers) | {address for each in self.ranges for address in each["addresses"]})

    def find(self, address, number, query, tcp):
        for each in self.ranges:
            if each["first"] <= number <= each["last"] and (not each["addresses"] or address in each["addresses"]):
                for entry in each["entries"]:
                    if entry.fits(query, tcp):
                        return entry
        return None


def read_config(lines):
    """Routes and the servers of them. Deckard names its server alone."""
    zones, name, lone = {}, None, []
    for zone, word, value in re.findall(r"(forward-zone:|stub-zone:)|(name|forward-addr|stub-addr): *\"?([^\s\"]+)", "\n".join(lines)):
        if zone:
            name = "."
        elif word == "name":
            name = value.rstrip(".") or "."
        elif name is None:
            lone.append(value)
        else:
            zones.setdefault(name, []).append(value)
    if lone:
        zones["."] = lone
    servers = [server for each in zones.values() for server in each]
    return [f"{name}={','.join(f'[{one}]' if ':' in one else one for one in each)}" for name, each in zones.items()], servers


class Servers(threading.Thread):
    """All of them. What no range answers waits for a step that does."""

    def __init__(self, script):
        super().__init__(daemon=True)
        self.script, self.number, self.waiting, self.heard, self.lock, self.ended = script, 0, [], [], threading.Condition(), False
        self.sockets = {}
        for address in script.addresses() if not any(step["does"] == "ERROR" for step in script.steps) else []:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                one = socket.socket(family, kind)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                one.bind((address, 53))
                if kind == socket.SOCK_STREAM:
                    one.listen()
                self.sockets[one] = address

    def run(self):
        while not self.ended:
            for one in select.select(list(self.sockets), [], [], 0.05)[0]:
                if one.type == socket.SOCK_DGRAM:
                    data, sender = one.recvfrom(65535)
                    self.take(self.sockets[one], dns.message.from_wire(data), False, lambda wire, one=one, sender=sender: one.sendto(wire, sender))
                else:
                    threading.Thread(target=self.converse, args=(one.accept()[0], self.sockets[one]), daemon=True).start()

    def converse(self, client, address):
        with client, client.makefile("rb") as stream:
            while len(head := stream.read(2)) == 2:
                query = dns.message.from_wire(stream.read(int.from_bytes(head)))
                self.take(address, query, True, lambda wire: client.sendall(len(wire).to_bytes(2) + wire))

    def take(self, address, query, tcp, send):
        with self.lock:
            self.heard.append(query)
            entry = self.script.find(address, self.number, query, tcp)
            if entry:
                send(entry.answer(query).to_wire())
            else:
                self.waiting.append((query, tcp, send))
            self.lock.notify_all()

    def reply(self, entry):
        """To the first question that fits, once it is there."""
        def first():
            return next((each for each in self.waiting if entry.fits(each[0], each[1])), None)
        with self.lock:
            if not self.lock.wait_for(first, PATIENCE):
                raise world.Failed("nobody asked what was to be replied to")
            found = first()
            self.waiting.remove(found)
            found[2](entry.answer(found[0]).to_wire())

    def expect(self, entry):
        with self.lock:
            if not self.lock.wait_for(lambda: any(entry.fits(query, False) for query in self.heard), PATIENCE):
                raise world.Failed(f"{entry.name} was not asked")


class Client:
    def __init__(self):
        self.asked, self.number = [], 0

    def ask(self, entry):
        self.number += 1
        query = dns.message.make_query(entry.name, entry.kind, use_edns=0 if "DO" in entry.reply else -1, want_dnssec="DO" in entry.reply)
        query.flags = entry.flags() & (dns.flags.RD | dns.flags.CD)
        query.id = self.number
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.settimeout(PATIENCE)
        one.connect(("127.0.0.1", world.PORT))
        one.send(query.to_wire())
        self.asked.append((query, one))

    def check(self, entry, number):
        for query, one in self.asked:
            if query.question[0].name == entry.name and query.question[0].rdtype == entry.kind:
                break
        else:
            raise world.Failed(f"step {number}: nothing like that was asked")
        self.asked.remove((query, one))
        try:
            with one:
                answer = dns.message.from_wire(one.recv(65535))
        except TimeoutError:
            raise world.Failed(f"step {number}: no answer") from None
        differences = compare(entry, query, answer)
        if differences:
            raise world.Failed(f"step {number}: {'; '.join(differences)}\n{answer}")


def contents(rrsets):
    return {(str(each.name).lower(), each.rdtype, data.to_digestable()) for each in rrsets for data in each if each.rdtype != dns.rdatatype.OPT}


def compare(entry, query, answer):
    wanted = entry.match | {"question"}
    differences = []
    if answer.id != query.id or answer.question != query.question:
        differences.append("another question")
    if wanted & {"all", "rcode"} and answer.rcode() != entry.rcode():
        differences.append(f"{dns.rcode.to_text(answer.rcode())} instead of {dns.rcode.to_text(entry.rcode())}")
    known = sum(FLAGS.values())
    if wanted & {"all", "flags"} and (answer.flags ^ entry.flags()) & known:
        differences.append(f"flags {dns.flags.to_text(answer.flags)} instead of {dns.flags.to_text(entry.flags())}")
    for section in SECTIONS[1:]:
        if wanted & {"all", section.lower()} and contents(answer.section_from_number(SECTIONS.index(section))) != contents(entry.records(section)):
            differences.append(f"another section {section}")
    return differences


def play(script, servers):
    client = Client()
    for step in script.steps:
        servers.number = step["number"]
        if step["does"] == "QUERY":
            client.ask(step["entry"])
        elif step["does"] == "CHECK_ANSWER":
            client.check(step["entry"], step["number"])
        elif step["does"] == "REPLY":
            servers.reply(step["entry"])
        elif step["does"] == "CHECK_OUT_QUERY":
            servers.expect(step["entry"])
        elif step["does"] == "TIME_PASSES":
            time.sleep(float(step["words"][1]))
        elif step["does"] not in ("NOTHING", "TIMEOUT", "ERROR"):
            raise world.Failed(f"step {step['number']}: {step['does']} is not known")


def names(folder):
    return sorted(path.stem for path in (folder / "testdata").glob("*.rpl") if "forward-zone" in path.read_text())


def run(folder, name):
    path = pathlib.Path(name) if name.endswith(".rpl") else folder / "testdata" / f"{name}.rpl"
    script = Script(path.read_text())
    for address in script.addresses():
        subprocess.run(["ip", "address", "replace", address, "dev", "lo"], check=True)
    servers = Servers(script)
    servers.start()
    try:
        with world.stub(script.routes):
            play(script, servers)
    finally:
        servers.ended = True
        servers.join()
        for one in servers.sockets:
            one.close()
