# SPDX-License-Identifier: LGPL-2.1-or-later
"""A signed root zone of our own behind the stub, and clients that nobody here wrote.

answers            the same questions to the stub and to its upstream, as respdiff does, by dnspython: no difference but the explained
ldns-test-edns     what ldns asks of a cache that a validator is to stand behind
delv               validates through the stub"""
import contextlib
import pathlib
import random
import subprocess
import tempfile
import time

import dns.flags
import dns.message
import dns.query
import dns.rdatatype
import world

NOT_APPLICABLE = {}
QUICK = ["answers", "ldns-test-edns", "delv"]
UPSTREAM = "127.0.0.2"
QUESTIONS = 3000
TYPES = ["A", "AAAA", "MX", "TXT", "NS", "SOA", "CNAME", "SRV", "CAA", "NAPTR", "DS", "DNSKEY", "NSEC", "PTR", "TLSA", "SSHFP", "HINFO", "TYPE65280"]
NAMES = ["n{}.example.", "alias{}.example.", "chain{}.example.", "t{}.example.", "big{}.example.", "nobody{}.example.", "a.b{}.wild.example.", "_s{}._tcp.example.",
         "_{}._tcp.example.", "r{}.in-addr.arpa.", "x{}.se.", "x{}.dk.", "example.", ".", "se.", "dk.", "many.example.", "huge.example.", "_tcp.example.", "n{}.nobody."]
# What the stub says by itself (RFC 6761, 7686, 6303).
LOCAL = ["localhost.", "a.localhost.", "invalid.", "a.onion.", "1.168.192.in-addr.arpa.", "1.0.0.10.in-addr.arpa."]


def write_zone(path):
    """Names of many types, aliases, a wildcard, a delegation with and without DS, and sets larger than a datagram."""
    lines = ["$TTL 300", ". IN SOA ns. root. 1 3600 600 86400 60", ". IN NS ns.", "ns. IN A 198.51.100.1", "example. IN A 198.51.100.2",
             "se. IN NS ns.se.", "ns.se. IN A 198.51.100.3", "se. IN DS 1 8 2 " + "0123456789abcdef" * 4, "dk. IN NS ns.dk.", "ns.dk. IN AAAA 2001:db8::3",
             "*.wild.example. IN A 198.51.100.4", "*.wild.example. IN TXT wild", "many.example. IN MX 10 mail.example."]
    for i in range(60):
        lines += [f"n{i}.example. IN A 198.51.100.{i}", f"n{i}.example. {60 + i} IN AAAA 2001:db8::{i:x}", f"n{i}.example. IN MX {i} n{i + 1}.example.",
                  f"Alias{i}.Example. IN CNAME n{i}.example.", f"chain{i}.example. IN CNAME alias{i}.example.", f"t{i}.example. IN TXT \"a {i}\" \"b \\\"c\\\" \\001\"",
                  f"_s{i}._tcp.example. IN SRV 1 2 443 n{i}.example.", f"t{i}.example. IN CAA 0 issue \"ca.example\"", f"t{i}.example. IN HINFO a b",
                  f"t{i}.example. IN NAPTR 1 2 \"u\" \"sip\" \"!x!y!\" n{i}.example.", f"_{i}._tcp.example. IN TLSA 3 1 1 " + "ab" * 32,
                  f"t{i}.example. IN TYPE65280 \\# 3 010203", f"many.example. IN A 203.0.113.{i}", f"r{i}.in-addr.arpa. IN PTR n{i}.example.",
                  f"big{i}.example. IN TXT \"{'x' * 250}\" \"{'y' * (4 * i)}\"", f"huge.example. IN TXT \"{chr(97 + i % 26) * 200}{i}\""]
    path.write_text("\n".join(lines) + "\n")


def sign(root):
    keys = [subprocess.run(["ldns-keygen", *options, "-a", "ECDSAP256SHA256", "."], cwd=root, capture_output=True, text=True, check=True).stdout.strip()
            for options in ([], ["-k"])]
    subprocess.run(["ldns-signzone", "-f", "signed", "root", *keys], cwd=root, check=True)
    anchor = (root / f"{keys[1]}.key").read_text().split()
    return f'trust-anchors {{ "." static-key 257 3 13 "{anchor[6]}"; }};\n'


@contextlib.contextmanager
def upstream(root):
    write_zone(root / "root")
    (root / "anchors").write_text(sign(root))
    (root / "unbound.conf").write_text(f"""server:
  interface: {UPSTREAM}
  do-daemonize: no
  use-syslog: no
  chroot: ""
  username: ""
  directory: "{root}"
  pidfile: ""
  access-control: 127.0.0.0/8 allow_snoop
  module-config: "iterator"
  minimal-responses: no
  rrset-roundrobin: no
  max-udp-size: 1232
  local-zone: "localhost." nodefault
  local-zone: "onion." nodefault
auth-zone:
  name: "."
  zonefile: "signed"
  for-upstream: yes
  for-downstream: yes
  fallback-enabled: no
remote-control:
  control-enable: no
""")
    with world.program("unbound", "-c", root / "unbound.conf"):
        world.wait_for_port(53, UPSTREAM)
        yield


def question(number):
    """Of which name, in which letters, of which type, by which transport: the same number is the same question."""
    chance = random.Random(number)
    i = chance.randrange(62)
    name = chance.choice(NAMES).format(i)
    name = "".join(chance.choice((letter.upper(), letter.lower())) for letter in name)
    edns = chance.choice([None, None, 512, 1232, 4096])
    kind = {"many": "A", "huge": "TXT"}.get(name[:4].lower()) or chance.choice(TYPES)
    query = dns.message.make_query(name, kind, use_edns=-1 if edns is None else 0, payload=edns or 0,
                                   want_dnssec=edns is not None and chance.random() < 0.6)
    query.flags = chance.choice([dns.flags.RD, dns.flags.RD, dns.flags.RD | dns.flags.CD, 0])
    return query, dns.query.tcp if chance.random() < 0.2 else dns.query.udp, edns or 512


def records(message, section):
    return {(str(each.name).lower(), each.rdtype, data.to_digestable()): each.ttl for each in message.section_from_number(section) for data in each}


def differences(query, limit, theirs, ours, passed):
    """What is explained is left out: AA and RA are the upstream's own, AD is what the stub cannot know, so many seconds have passed."""
    found = []
    same = dns.flags.QR | dns.flags.TC | dns.flags.RD | dns.flags.CD
    if ours.rcode() != theirs.rcode() or ours.opcode() != theirs.opcode():
        found.append(f"status {ours.rcode()} instead of {theirs.rcode()}")
    if (ours.flags ^ theirs.flags) & same:
        found.append(f"flags {dns.flags.to_text(ours.flags)} instead of {dns.flags.to_text(theirs.flags)}")
    if ours.flags & (dns.flags.AA | dns.flags.AD) or not ours.flags & dns.flags.RA:
        found.append(f"flags {dns.flags.to_text(ours.flags)}")
    if str(ours.question[0].name) != str(query.question[0].name) or ours.question != query.question:
        found.append("another question")
    if (ours.edns < 0) != (theirs.edns < 0) or (ours.ednsflags ^ theirs.ednsflags) & dns.flags.DO:
        found.append("EDNS in one of them")
    if theirs.flags & dns.flags.TC:
        return found
    for section in (1, 2, 3):
        mine, other = records(ours, section), records(theirs, section)
        short = section == 3 and limit < 1232 # each takes out what does not fit in its own order
        if set(mine) != set(other) and not (short and (set(mine) <= set(other) or set(mine) >= set(other))):
            found.append(f"section {section} differs")
        found += [f"{key[0]} lives {ttl} s instead of {other[key]}" for key, ttl in mine.items() if key in other and not other[key] - passed <= ttl <= other[key]]
    return found


def compare_answers(count):
    seen = {}
    start = time.monotonic()
    for number in range(count):
        query, ask, limit = question(number)
        theirs = ask(query, UPSTREAM, timeout=10)
        ours = ask(query, "127.0.0.1", port=world.PORT, timeout=10)
        found = differences(query, limit if ask is dns.query.udp else 65535, theirs, ours, time.monotonic() - start + 1)
        if found:
            raise world.Failed(f"question {number}, {ask.__name__}: {'; '.join(found)}\n{query}\n--- the upstream\n{theirs}\n--- the stub\n{ours}")
        kind = dns.flags.to_text(ours.flags & dns.flags.TC), ours.rcode()
        seen[kind] = seen.get(kind, 0) + 1
    if min(seen.get(kind, 0) for kind in (("", 0), ("", 3), ("TC", 0))) < count // 50: # else the questions prove little
        raise world.Failed(f"the questions are all alike: {seen}")
    for name in LOCAL:
        if dns.query.udp(dns.message.make_query(name, "A"), "127.0.0.1", port=world.PORT, timeout=10).flags & dns.flags.TC:
            raise world.Failed(name)


def run_program(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise world.Failed(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def test_edns():
    """It waits for a second and a half, which a busy machine may take: then it is run again."""
    for again in reversed(range(5)):
        try:
            run_program("ldns-test-edns", "127.0.0.1")
            return
        except world.Failed as error:
            if not again or "timeout" not in str(error):
                raise


def validate(anchors):
    """Not of wildcards: unbound 1.17 gives their proofs another name."""
    for name, kind in (("n1.example", "A"), ("chain2.example", "AAAA"), ("many.example", "A"), ("huge.example", "TXT"), ("se", "DS")):
        said = run_program("delv", "@127.0.0.1", "-p", str(world.PORT), "-a", str(anchors), "+root=.", name, kind)
        if "fully validated" not in said:
            raise world.Failed(said)


def names(folder):
    return QUICK


def run(folder, name):
    with tempfile.TemporaryDirectory() as directory, upstream(pathlib.Path(directory)):
        if name == "ldns-test-edns":
            with world.stub([f".={UPSTREAM}"], port=53):
                test_edns()
            return
        with world.stub([f".={UPSTREAM}"]):
            if name == "delv":
                validate(pathlib.Path(directory) / "anchors")
            else:
                compare_answers(QUESTIONS)
