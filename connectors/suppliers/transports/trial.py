"""Trying a place of files: writing, reading, renaming, deleting, listing, as in earnest, and nothing stays behind."""

from contextlib import suppress

from connectors.errors import Retryable
from connectors.suppliers.interface import Health
from connectors.suppliers.transports.configuration import FilesConfig
from connectors.suppliers.transports.files import EntryKind, Files, Place, part_name, unfinished, words

_TRIAL = ".promisekeeper-check"
_WRITTEN = b"written by promisekeeper check; may be deleted\n"


class _Failed(Exception):
    """One step did not work."""


async def tried(place: Place, config: FilesConfig) -> Health:
    """Whether documents can be put, found and collected, in plain words."""
    wrong = list[str]()
    fine = [f"documents can be put into {place.name}{config.outbox}"]
    try:
        async with place.opened() as files:
            for trial in (_outbox, _outbox_archive, _inbox):
                try:
                    fine += await trial(files, place.name, config)
                except _Failed as failed:
                    wrong.append(str(failed))
    except Retryable as failure:
        return Health(ok=False, detail=str(failure))
    return Health(ok=not wrong, detail=". ".join(wrong) if wrong else ", ".join(fine))


async def _outbox(files: Files, where: str, config: FilesConfig) -> list[str]:
    await _can_change(files, where, config.outbox, config.outbox, "outbox")
    return []


async def _outbox_archive(files: Files, where: str, config: FilesConfig) -> list[str]:
    if config.outbox_archive is not None:
        await _listed(files, where, config.outbox_archive, "outbox_archive")
    return []


async def _inbox(files: Files, where: str, config: FilesConfig) -> list[str]:
    if config.inbox is None:
        return ["nothing is collected (no inbox is set)"]
    waiting = await _listed(files, where, config.inbox, "inbox")
    await _can_change(files, where, config.inbox, config.inbox, "inbox")
    if config.after_reading == "archive":
        archive = config.archive or f"{config.inbox}/archive"
        made = True
        try:
            await files.make_folder(archive)
        except FileExistsError:
            made = False
        except OSError as failure:
            raise _Failed(f"the folder {where}{archive} (archive) cannot be made: {words(failure)}") from failure
        try:
            await _can_change(files, where, config.inbox, archive, "archive")
        finally:
            if made:
                with suppress(OSError):  # a poll has just put something there
                    await files.remove_folder(archive)
    return [f"{waiting} waiting in {where}{config.inbox}"]


async def _listed(files: Files, where: str, folder: str, setting: str) -> str:
    try:
        entries = await files.entries(folder)
    except OSError as failure:
        raise _Failed(f"the folder {where}{folder} ({setting}) cannot be listed: {words(failure)}") from failure
    count = sum(entry.kind is EntryKind.FILE and not unfinished(entry.name) for entry in entries)
    return "1 file is" if count == 1 else f"{count} files are"


async def _can_change(files: Files, where: str, folder: str, other: str, setting: str) -> None:
    """Write a file, read it, rename it into `other`, delete it there."""
    path, moved = f"{folder}/{part_name(_TRIAL)}", f"{other}/{part_name(_TRIAL)}"
    left = path
    try:
        await files.write(path, _WRITTEN)
        try:
            if await files.read(path, 1000) != _WRITTEN:
                raise _Failed(f"what is written to the folder {where}{folder} ({setting}) is not what is read there")
            await files.rename(path, moved)
            left = moved
        finally:
            await files.remove(left)
    except OSError as failure:
        raise _Failed(
            f"files cannot be written, read, renamed and deleted in {where}{other} ({setting}): {words(failure)}"
        ) from failure
