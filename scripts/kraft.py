"""The nodes of scripts/kafka: what is remembered of them, their settings, their ports, and how they say that they are up."""

import base64
import contextlib
import json
import os
import pathlib
import random
import shutil
import socket
import struct

HOST = "127.0.0.1"
MIB = 1024 * 1024

SETTINGS = {
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": 0,
    "offsets.topic.num.partitions": 1,
    # Topics set their own limit; the broker stands in nobody's way up to 10 MiB.
    "message.max.bytes": 10 * MIB,
    "replica.fetch.max.bytes": 11 * MIB,
    # A killed broker may not come back, nor is a new leader chosen, before its session ends: 9 s by default.
    "broker.session.timeout.ms": 4000,
    "broker.heartbeat.interval.ms": 500,
    # Compaction soon after it is due, in little memory.
    "log.cleaner.backoff.ms": 500,
    "log.cleaner.dedupe.buffer.size": 20 * MIB,
}


class Failed(Exception):
    """Ends the command with one line on stderr and exit code 1."""


class Cluster:
    """What DIR/state.json says: cluster id, ports of each node, properties given by the caller."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory).resolve()
        if any(c in str(self.dir) for c in ",\\\n"):
            raise Failed(f"Kafka takes no folder with a comma or backslash in its name: {self.dir}")
        self.file = self.dir / "state.json"

    def known(self):
        return self.file.exists()

    def load(self):
        if not self.known():
            raise Failed(f"no Kafka in {self.dir}: use start or cluster first")
        state = json.loads(self.file.read_text())
        self.id, self.properties = state["cluster_id"], state["properties"]
        self.ports = {int(node): port for node, port in state["ports"].items()}
        self.controller = state["controller_port"]

    def plan(self, nodes, port):
        """New ports and a new cluster id; nothing of an earlier attempt stays."""
        for old in self.dir.glob("node-*"):
            shutil.rmtree(old)
        # A Kafka UUID is base64url, and a leading dash would look like an option.
        self.id = base64.urlsafe_b64encode(b"\x40" + os.urandom(15)).decode().rstrip("=")
        *free, self.controller = free_ports(nodes + 1)
        self.ports = dict(enumerate(free, start=1))
        if port:
            self.ports[1] = port

    def save(self):
        state = {"cluster_id": self.id, "ports": self.ports, "controller_port": self.controller}
        state["properties"] = self.properties
        aside = self.file.with_suffix(".part")
        aside.write_text(json.dumps(state, indent=1))
        os.replace(aside, self.file)

    def nodes(self, only=None):
        if only is None:
            return sorted(self.ports)
        if only not in self.ports:
            raise Failed(f"there is no node {only}, only {sorted(self.ports)}")
        return [only]

    def address(self, nodes=None):
        return ",".join(f"{HOST}:{self.ports[node]}" for node in nodes or self.nodes())

    def folder(self, node):
        return self.dir / f"node-{node}"

    def write_properties(self, node):
        controls = node == 1
        copies, in_sync = (3, 2) if len(self.ports) == 3 else (1, 1)
        plain, controller = f"PLAINTEXT://{HOST}:{self.ports[node]}", f"CONTROLLER://{HOST}:{self.controller}"
        settings = (
            SETTINGS
            | {
                "process.roles": "broker,controller" if controls else "broker",
                "node.id": node,
                "controller.quorum.bootstrap.servers": f"{HOST}:{self.controller}",
                "listeners": f"{plain},{controller}" if controls else plain,
                "advertised.listeners": f"{plain},{controller}" if controls else plain,
                "log.dirs": self.folder(node) / "data",
                "offsets.topic.replication.factor": copies,
                "transaction.state.log.replication.factor": copies,
                "transaction.state.log.min.isr": in_sync,
                "share.coordinator.state.topic.replication.factor": copies,
                "share.coordinator.state.topic.min.isr": in_sync,
            }
            | self.properties
        )
        self.folder(node).mkdir(parents=True, exist_ok=True)
        lines = [f"{key}={value}\n" for key, value in settings.items()]
        (self.folder(node) / "server.properties").write_text("".join(lines))


def free_ports(count):
    """Ports below the range the kernel gives to outgoing connections: while a broker is down, neither somebody's
    connection nor a client's own attempt to reconnect can take its port."""
    low = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    pick, found = random.SystemRandom(), []
    while len(found) < count:
        port = pick.randrange(10_000, max(low, 10_100))
        with socket.socket() as probe:
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                if port not in found:
                    found.append(port)
    return found


def brokers(port):
    """The ports that a broker's metadata lists, or none while it does not answer (protocol guide: Metadata v1)."""

    def exactly(connection, size):
        data = b""
        while len(data) < size:
            part = connection.recv(size - len(data))
            if not part:
                raise OSError("closed")
            data += part
        return data

    client = b"scripts/kafka"
    # api key, version, correlation id, client id; then an empty list of topics.
    request = struct.pack(">hhih", 3, 1, 1, len(client)) + client + struct.pack(">i", 0)
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            connection.settimeout(5)
            connection.sendall(struct.pack(">i", len(request)) + request)
            (size,) = struct.unpack(">i", exactly(connection, 4))
            answer = exactly(connection, size)
        _, count = struct.unpack_from(">ii", answer)
        at, listed = 8, set()
        for _ in range(count):
            (host,) = struct.unpack_from(">h", answer, at + 4)
            at += 6 + host
            listed_port, rack = struct.unpack_from(">ih", answer, at)
            at += 6 + max(rack, 0)
            listed.add(listed_port)
        return listed
    except (OSError, struct.error):
        return set()
