"""Runs nftables commands in this process, by libnftables: one renewal takes 0.1 ms, a child `nft` 10 ms.

Needs NET_ADMIN in the network namespace. Loaded in transparent mode only. API: libnftables(3).
"""

from __future__ import annotations

import ctypes

_LIBRARY = "libnftables.so.1"


class NftablesError(OSError):
    """The kernel or the library refused a command; the message is nft's own."""


class Nftables:
    """A libnftables context.

    Raises:
        NftablesError: when the library is not there.
    """

    def __init__(self) -> None:
        try:
            library = ctypes.CDLL(_LIBRARY)
        except OSError as error:
            raise NftablesError(
                f"{_LIBRARY} cannot be loaded ({error}); the sidecar's image brings it"
            ) from error
        library.nft_ctx_new.restype = ctypes.c_void_p
        library.nft_ctx_get_output_buffer.restype = ctypes.c_char_p
        library.nft_ctx_get_error_buffer.restype = ctypes.c_char_p
        self._library = library
        self._context = ctypes.c_void_p(library.nft_ctx_new(ctypes.c_uint32(0)))
        library.nft_ctx_buffer_output(self._context)
        library.nft_ctx_buffer_error(self._context)

    def run(self, commands: str) -> str:
        """Run `commands` as one transaction; what it printed.

        Raises:
            NftablesError: with nft's words; nothing was changed then.
        """
        status = self._library.nft_run_cmd_from_buffer(self._context, commands.encode())
        output: bytes = self._library.nft_ctx_get_output_buffer(self._context)
        errors: bytes = self._library.nft_ctx_get_error_buffer(self._context)
        if status:
            raise NftablesError(" ".join(errors.decode(errors="replace").split()) or "nft gave no reason")
        return output.decode(errors="replace")
