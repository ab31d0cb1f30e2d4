"""Names of people, keys and addresses become numbers that only a key could give; the key lies apart."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import secrets
import stat
from pathlib import Path

from generator import files
from generator.errors import UserError

_BYTES = 32
_HEX = re.compile(rf"[0-9a-f]{{{2 * _BYTES}}}", re.ASCII)
_PRIVATE = 0o600
_PREFIX = {4: 24, 6: 48}  # bits of an address that name a network


class Pseudonyms:
    """Keyed hashes of texts, each kind of text apart.

    Parameters
    ----------
    key : bytes
        32 bytes; the same key gives the same pseudonyms.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def number(self, kind: str, text: str, bits: int = 63) -> int:
        """Opaque number of a text.

        Parameters
        ----------
        kind : str
            What the text is; the same text of another kind gets another number.
        text : str
            What nobody may read.
        bits : int
            Size of the number.
        """
        digest = hashlib.blake2b(
            text.encode("utf-8", "replace"), digest_size=8, key=self._key, person=kind.encode()[:16]
        )
        return int.from_bytes(digest.digest(), "little") >> (64 - bits)

    def account(self, text: str) -> str:
        """Opaque name of an account.

        Parameters
        ----------
        text : str
            Its name or key in the source.
        """
        return f"acc-{self.number('account', text, 64):016x}"

    def network(self, address: str) -> int | None:
        """Opaque number of the network of an address (24 bits of IPv4, 48 of IPv6); None if it is no address.

        Parameters
        ----------
        address : str
            Address; of a list of proxies the first counts, a port is passed over.
        """
        first = address.partition(",")[0].strip()
        if first.count(":") == 1:
            first = first.partition(":")[0]
        try:
            ip = ipaddress.ip_address(first.strip("[]").partition("%")[0])
        except ValueError:
            return None
        network = ipaddress.ip_network((ip, _PREFIX[ip.version]), strict=False)
        return self.number("network", str(network))


def read_key(path: Path, out: Path) -> Pseudonyms:
    """Read the key of a file, or make one that its owner alone can read.

    Parameters
    ----------
    path : Path
        File of 64 hexadecimal digits; made if nothing is there.
    out : Path
        Folder that others will see: the key may not lie in it.

    Raises
    ------
    UserError
        If it would lie there, holds no key, or others can read it.
    """
    if path.resolve().is_relative_to(out.resolve()):
        raise UserError(f"--key-file {path} would be handed on with {out}: keep it outside")
    if not path.exists():
        files.check_writable(path, "--key-file")
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(path, secrets.token_hex(_BYTES) + "\n", _PRIVATE)
    try:
        mode, text = path.stat().st_mode, path.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise UserError(f"--key-file {path} can't be read: {error}") from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UserError(f"--key-file {path} can be read by others: chmod 600 {path}")
    if not _HEX.fullmatch(text):
        raise UserError(f"--key-file {path} holds no key: 64 hexadecimal digits, as this command makes them")
    return Pseudonyms(bytes.fromhex(text))
