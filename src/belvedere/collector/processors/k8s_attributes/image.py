"""Names of container images: `registry/repository:tag@digest`."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Image:
    """An image's name in its parts."""

    name: str
    """With the registry, if it was there."""
    tag: str
    digest: str
    """`sha256:…`"""

    @classmethod
    def of(cls, text: str) -> Self:
        """Split a name.

        >>> Image.of("localhost:5000/shop/cart:1.2@sha256:ab")
        Image(name='localhost:5000/shop/cart', tag='1.2', digest='sha256:ab')
        """
        rest, _, digest = text.partition("@")
        folder, slash, last = rest.rpartition("/")
        name, _, tag = last.partition(":")
        return cls(folder + slash + name, tag, digest)

    @property
    def version(self) -> str:
        """As `service.version`: the tag, the digest, or both."""
        return "@".join(part for part in (self.tag, self.digest) if part)


def repo_digest(image_id: str) -> str:
    """The canonical reference in a container status's `imageID`; "" if it has none."""
    _, separator, reference = image_id.rpartition("://")
    reference = reference if separator else image_id
    return reference if "@sha256:" in reference else ""
