"""The words that payloads are made of: attribute keys, values, services, operations, log texts."""

import random
from typing import Final

SEED: Final = 4317

SERVICES: Final = (
    "frontend",
    "cart",
    "checkout",
    "payment",
    "shipping",
    "catalog",
    "recommendation",
    "currency",
    "email",
    "inventory",
)

KEYS: Final = tuple(
    """
    client.address client.port cloud.region cloud.account.id code.function.name code.file.path
    code.line.number container.id cpu.mode db.collection.name db.namespace db.operation.name
    db.query.summary db.response.returned_rows db.system.name deployment.id device.id
    device.model.name disk.io.direction dns.question.name enduser.id enduser.role error.type
    event.name exception.type faas.invoked_name faas.trigger feature_flag.key
    feature_flag.result.variant file.path file.size gen_ai.operation.name gen_ai.request.model
    gen_ai.response.id gen_ai.usage.input_tokens gen_ai.usage.output_tokens graphql.operation.name
    http.request.method http.request.body.size http.request.resend_count http.response.body.size
    http.response.status_code http.route job.id k8s.node.name k8s.pod.name log.iostream
    messaging.batch.message_count messaging.client.id messaging.destination.name
    messaging.message.id messaging.operation.type messaging.system network.local.address
    network.peer.address network.peer.port network.protocol.name network.protocol.version
    network.transport order.id order.items order.total os.type os.version payment.method
    peer.service pool.name process.pid product.id queue.depth retry.count rpc.method
    rpc.response.status_code rpc.service rpc.system server.address server.port session.id
    source.address tenant.id thread.id thread.name tls.cipher tls.protocol.version url.domain
    url.full url.path url.query url.scheme user.id user.roles user_agent.original
    user_agent.name worker.id zone.name cache.hit
    """.split()
)
"""96 keys; the 97th is `SEQUENCE`."""

SEQUENCE: Final = "seq"
"""Attribute with the number of the record, by which a run is checked."""

_WORDS: Final = tuple(
    """
    accepted account address after allocated attempt available backend balance batch begin cache
    cancelled cart catalog checked client closed column commit completed config connected
    connection context created customer database deadline deleted delivered denied disk done
    duration entry error evicted exceeded expected expired failed fallback fetched field file
    finished flushed for from gateway handler header host ignored in index inserted instance
    invalid item job key latency leader limit loaded lock lookup memory message method missing
    model name node not of on open operation order over page partition payload payment pending
    policy pool processed product published query queue rate reached read ready received record
    refresh region rejected released remote removed replica request resolved response restarted
    result retry retrying returned row running saved schema selected sent service session shard
    shutdown skipped slow source started state status step stored stream success table target
    task tenant thread time timeout to token total trace transaction unavailable unexpected
    unknown update updated upstream user using validated value version waiting with without
    worker write written zone
    """.split()
)


def values(count: int) -> tuple[str, ...]:
    """Distinct attribute values of mixed kinds, about 9 characters each."""
    rng = random.Random(SEED)
    kinds = (
        lambda: rng.choice(_WORDS),
        lambda: str(rng.randrange(10_000)),
        lambda: f"{rng.choice(_WORDS)}-{rng.randrange(100)}",
        lambda: f"/{rng.choice(_WORDS)}/{rng.choice(_WORDS)}",
        lambda: f"10.{rng.randrange(4)}.{rng.randrange(256)}.{rng.randrange(256)}",
        lambda: f"{rng.getrandbits(32):08x}",
        lambda: f"{rng.random() * 100:.2f}",
    )
    found: dict[str, None] = {}
    while len(found) < count:
        found[rng.choice(kinds)()] = None
    return tuple(found)


def templates(count: int, length: int) -> tuple[str, ...]:
    """Log messages of about `length` characters, a `%s` after each six words for a variable."""
    rng = random.Random(SEED + length)
    found = []
    for _ in range(count):
        words: list[str] = []
        size = 0
        while size < length:
            number = len(words)
            word = f"{rng.choice(_WORDS)}=%s" if number % 7 == 6 else rng.choice(_WORDS)
            # A variable takes the place of its two-letter marker, and is about 8 characters.
            size += len(word) + (7 if "%" in word else 1)
            words.append(word)
        found.append(" ".join(words).capitalize())
    return tuple(found)
