"""Fingerprints in words, so that two people can compare them over the telephone.

Each word stands for one byte; ten words carry 80 bits of a SHA-256. The list never changes: both sides must
have the same one.
"""

from collections.abc import Iterable
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

WORDS_SHOWN = 10

WORDS = tuple(
    """
    acorn agent alarm album alder amber angle ankle apple apron arch arrow aspen atlas attic autumn
    badge baker bamboo banjo barley basket beacon beard beetle bell berry birch bishop blade blanket boat
    bonnet border bottle branch brass bread brick bridge bronze brook brush bucket buffalo bugle butter button
    cabin cactus camel candle canoe canyon carpet castle cedar cellar chalk cherry chimney circle citrus clay
    clock clover cobalt coffee comet copper coral cotton cradle crane crater cricket crown cube cup curtain
    daisy dancer dawn deer desert diamond dinner doctor dolphin donkey dragon drawer drum duck dune dust
    eagle earth easel echo elbow elder elephant ember engine estate evening
    fabric falcon farmer feather fence fern ferry fiddle field finger flag flute forest fork fountain fox
    galaxy garden garlic gate ginger glacier glove goat gold grape gravel guitar
    hammer harbor harp hazel helmet heron hill honey hook horse hotel hunter
    iceberg igloo inch index ink insect island ivory
    jacket jaguar jelly jewel jigsaw judge juice jungle
    kayak kettle key kitchen kite kiwi knee knight
    ladder lagoon lamp lantern laurel lemon letter lily linen lion lizard lunar
    magnet maple marble market meadow melon metal mirror monkey moss motor mountain
    napkin needle nephew nest nickel noodle north nutmeg
    oak oasis oat ocean olive onion orbit orchard otter oven owl oyster
    paddle palace panda paper parrot peach pearl pebble pencil pepper piano pillow
    pilot pine planet plum pocket pony potato powder prism pumpkin puzzle pyramid
    quail quarry quartz queen quill quilt
    rabbit radar raven ribbon river robin rocket saddle salmon sand sugar
    """.split()  # noqa: SIM905 - 256 words on 256 lines would hide the list
)


def fingerprint_words(digest: bytes) -> str:
    """The first bytes of ``digest`` (a SHA-256) in words: ``amber quilt heron …``."""
    return " ".join(WORDS[byte] for byte in digest[:WORDS_SHOWN])


def anchors_digest(anchors: Iterable[x509.Certificate]) -> bytes:
    """One SHA-256 over a set of trust anchors; their order does not matter."""
    fingerprints = sorted(sha256(anchor.public_bytes(Encoding.DER)).digest() for anchor in anchors)
    return sha256(b"proxenia anchors 1\0" + b"".join(fingerprints)).digest()
