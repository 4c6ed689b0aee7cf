# -*- coding: utf-8 -*-
#
# Chatledger: forwards the events of this script to the ledger. Account: @ACCOUNT@.
# Printed by `chatledger accounts script --account @ACCOUNT@`; the address below holds a secret.
#
# Paste it into Settings > Scripts: below your own script, which stays as it is, or alone. Tick the events, and save.
# A handler of yours runs as before, and its answer (`not send menu`) is the answer.
#
# What this takes for granted: Python 3.4 or later, or 2.7 (tried with 2.7, 3.6 to 3.13); its standard library alone,
# threads, and HTTPS to the outside. It promises: no handler waits for the network, none fails because of the ledger.
# What cannot be sent now is tried again in the background while the process lives, and is dropped, oldest first, beyond
# the bounds below; how many were dropped is told with the next event that arrives. The nightly backfill brings what
# scripts could not, except menu choices, and request tags and transfers that no webhook told either. When the process
# ends it waits a second at most for what is left. A script above that writes `super(Handler, self)` must write `super()`.

import atexit
import collections
import json
import os
import threading
import time
import uuid

try:
    from urllib.request import HTTPRedirectHandler, Request, build_opener
    from urllib.error import HTTPError
except ImportError:  # Python 2
    from urllib2 import HTTPError, HTTPRedirectHandler, Request, build_opener


class _NoRedirect(HTTPRedirectHandler):
    """A redirect would turn the POST into a GET without the event: it is a failure, and tried again."""

    def redirect_request(self, *_):
        return None


class _Ledger(object):
    """A bounded queue, and one thread that empties it."""

    URL = @URL@
    TIMEOUT_SECONDS = 5.0       # of one try
    FIRST_PAUSE_SECONDS = 1.0   # after a failed try; doubled up to the longest
    LONGEST_PAUSE_SECONDS = 60.0
    KEEP_SECONDS = 6 * 3600.0   # an event that is older is dropped
    MOST_EVENTS = 1000
    MOST_BYTES = 8 << 20
    LARGEST_EVENT = (2 << 20) - 4096  # the ledger takes no larger one
    EXIT_SECONDS = 1.0          # for what is left when the process ends

    def __init__(self):
        self.pid = os.getpid()
        self.waiting = collections.deque()
        self.bytes = 0
        self.dropped = 0
        self.thread = None
        self.changed = threading.Condition()

    def tell(self, handler, input_data):
        """Takes an event into the queue. Never waits for the network."""
        data = _json(input_data)
        event = (_now(), time.time(), handler, uuid.uuid4().hex, data)
        with self.changed:
            if len(data) > self.LARGEST_EVENT:
                self.dropped += 1
                return
            # One of these says all that many say.
            if _is_heartbeat(handler) and any(_is_heartbeat(other[2]) for other in self.waiting):
                return
            self.waiting.append(event)
            self.bytes += len(data)
            while len(self.waiting) > self.MOST_EVENTS or self.bytes > self.MOST_BYTES:
                self._drop()
            if self.thread is None or not self.thread.is_alive():
                self.thread = threading.Thread(target=self._work, name='chatledger')
                self.thread.daemon = True
                self.thread.start()
            self.changed.notify_all()

    def drain(self, seconds):
        """Waits until all is sent, at most so long."""
        until = _now() + seconds
        with self.changed:
            while self.waiting and _now() < until:
                self.changed.wait(max(0.0, until - _now()))

    def _work(self):
        pause = 0.0
        while True:
            with self.changed:
                while not self.waiting:
                    self.changed.wait(60.0)
                event = self.waiting[0]
                # The ledger does not read a heartbeat.
                dropped = 0 if _is_heartbeat(event[2]) else self.dropped
            outcome = self._send(event, dropped)
            if outcome != 'later':
                pause = 0.0
                with self.changed:
                    self.dropped += 1 if outcome == 'too large' else -dropped
                    self._remove(event)
            else:
                pause = min(max(pause * 2, self.FIRST_PAUSE_SECONDS), self.LONGEST_PAUSE_SECONDS)
                time.sleep(pause)
                with self.changed:
                    while self.waiting and _now() - self.waiting[0][0] > self.KEEP_SECONDS:
                        self._drop()

    def _send(self, event, dropped):
        """Sends an event: 'sent', 'too large' for ever, or 'later'."""
        _, called_at, handler, call, data = event
        body = '{"call": "%s", "called_at": %.6f, "sent_at": %.6f, "dropped": %d, "data": %s}' % (
            call, called_at, time.time(), dropped, data)
        try:
            request = Request(self.URL + handler, body.encode('utf-8'), {'Content-Type': 'application/json'})
            answer = _open(request, timeout=self.TIMEOUT_SECONDS)
            try:
                answer.read()
            finally:
                answer.close()
            return 'sent'
        except HTTPError as error:
            error.close()
            # All else may pass: a restart, a secret that is being rotated.
            return 'too large' if error.code == 413 else 'later'
        except Exception:
            return 'later'

    def _drop(self):
        self._remove(self.waiting[0])
        self.dropped += 1

    def _remove(self, event):
        # It may have been dropped while it was on its way.
        if self.waiting and self.waiting[0] is event:
            self.waiting.popleft()
            self.bytes -= len(event[4])
            self.changed.notify_all()


def _is_heartbeat(handler):
    return handler.startswith('auto_checking')


_now = getattr(time, 'monotonic', time.time)
_open = build_opener(_NoRedirect()).open
_ledger = _Ledger()


def _json(data):
    """The input as JSON in ASCII, whatever is in it."""
    try:
        text = json.dumps(data, default=str, skipkeys=True)
        if 'NaN' in text or 'Infinity' in text:
            text = json.dumps(json.loads(text, parse_constant=lambda _: None))
        return text
    except Exception:
        return json.dumps({'unreadable': type(data).__name__})


def _forward(handler, input_data):
    """Tells the ledger of an event. Whatever goes wrong here is none of the chat's business."""
    global _ledger
    try:
        if _ledger.pid != os.getpid():
            # A copy of the process: its threads were not copied, and what waits is the other one's.
            _ledger = _Ledger()
        _ledger.tell(handler, input_data)
    except Exception:
        pass


def _at_exit():
    try:
        if _ledger.pid == os.getpid():
            _ledger.drain(_Ledger.EXIT_SECONDS)
    except Exception:
        pass


atexit.register(_at_exit)

try:
    # The class above, when this stands below a script. Never our own: it may be read twice.
    _Existing = getattr(Handler, '_chatledger_existing', Handler)
except NameError:
    class _Existing(object):
        pass


class Handler(_Existing, object):
    _chatledger_existing = _Existing

    def _chatledger(self, handler, input_data, c2d):
        _forward(handler, input_data)
        existing = getattr(super(Handler, self), handler, None)
        if existing is not None:
            return existing(input_data, c2d)

@METHODS@
