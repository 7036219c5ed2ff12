# SPDX-License-Identifier: LGPL-2.1-or-later
import pickle
import threading
import time

import pytest

import fabricnet


def in_thread(function):
    """What a function raises in another thread, None if nothing."""
    raised = []

    def work():
        try:
            function()
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return raised[0] if raised else None


def test_a_missing_namespace_is_not_found_and_named():
    with pytest.raises(fabricnet.NotFoundError, match="'nowhere'") as raised:
        fabricnet.Context(netns="nowhere")
    assert raised.value.code is fabricnet.Code.ENOENT


def test_an_error_carries_code_errno_object_and_message(c, veth):
    with pytest.raises(fabricnet.ExistsError) as raised:
        c.link.create(name=veth, kind="bridge")
    error = raised.value
    assert (error.code, error.errno, error.object) == (fabricnet.Code.EEXIST, 17, "v0")
    assert error.message == str(error) and error.message.startswith("v0: ")


def test_an_error_survives_pickling():
    error = fabricnet.TimedOutError("too late", fabricnet.Code.ETIMEOUT, 110, "wg0")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.code, copy.errno, copy.object) == (type(error), "too late", error.code, 110, "wg0")


def test_a_closed_context_says_so():
    with fabricnet.Context() as c:
        c.link.list()
    assert c.closed
    with pytest.raises(ValueError, match="closed"):
        c.link.list()


def test_the_handle_is_never_none():
    for nothing in (None, 3, fabricnet.Context().secret(b"x")):
        with pytest.raises(TypeError, match="expected a context"):
            fabricnet._fabricnet.fbn_link_list(nothing)
    with pytest.raises(TypeError, match="expected fbn_links, not NoneType"):
        fabricnet._fabricnet.fbn_links_count(None)


def test_a_second_thread_is_refused_and_a_cancel_is_not(c):
    stub = c.dns.Stub({".": ["127.0.0.1"]}, listen=["127.0.0.1:0"])
    seen = []

    def other():
        time.sleep(0.3)
        seen.append(in_thread(c.link.list))
        c.cancel()

    helper = threading.Thread(target=other)
    helper.start()
    with pytest.raises(fabricnet.CanceledError):
        stub.run()
    helper.join()
    assert isinstance(seen[0], RuntimeError) and "thread" in str(seen[0])
    with pytest.raises(fabricnet.CanceledError):
        c.link.list()
    c.resume()
    assert c.link.list()


def test_closing_under_a_blocked_call_is_safe(c):
    context = fabricnet.Context()
    stub = context.dns.Stub({".": ["127.0.0.1"]}, listen=["127.0.0.1:0"])
    raw, handle = stub.handle, context.handle

    def close():
        time.sleep(0.3)
        fabricnet._fabricnet.fbn_context_cancel(handle)
        stub.close()
        context.close()

    helper = threading.Thread(target=close)
    helper.start()
    with pytest.raises(fabricnet.CanceledError):
        fabricnet._fabricnet.fbn_dns_stub_run(handle, raw)
    helper.join()


def test_contexts_of_different_threads_work_at_once(netns):
    def work():
        with fabricnet.Context(netns=netns) as mine:
            for _ in range(200):
                assert mine.link.get("lo").name == "lo"
                assert len(bytes(fabricnet.key.generate())) == 32

    threads = [threading.Thread(target=work) for _ in range(4)]
    problems = [in_thread(work) for _ in range(1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == [None]


def test_secrets_are_dropped_in_any_thread():
    def work():
        keys = [fabricnet.key.generate() for _ in range(2000)]
        handed.append(keys)

    handed = []
    assert in_thread(work) is None
    handed.clear()
    assert len(fabricnet.key.generate()) == 32
