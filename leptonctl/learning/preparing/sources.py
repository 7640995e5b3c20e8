"""Reads the data files of a dataset version, once their digests are checked. Types no cell and writes nothing."""

from leptonctl.core.contract import key_mark
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.observed import files_digest
from leptonctl.learning.catalog import providers
from leptonctl.learning.prepare_inputs import PrepareInputs, Privacy, SourceFile
from leptonctl.learning.preparing.row_list import Listing, ListPrivacy
from leptonctl.learning.preparing.shape import text_columns
from leptonctl.learning.tables.several import join_tables, refuse_other_columns
from leptonctl.learning.tables.table import Table, read_table
from leptonctl.project.digests import digest_of, stat_of
from leptonctl.project.secrets import read_secret
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Bench


class Sources(Frozen):
    """The table of the source, then that of the test source if there is one, as in the files, each with the list of its rows.

    `key` hashes the private columns.
    """

    key: bytes | None
    tables: tuple[Table, ...]
    listings: tuple[Listing, ...]


def read_sources(request: PrepareInputs, bench: Bench) -> Sources:
    """The files of a dataset version. Raises ProviderError: source-changed, wrong-key, and what reading a file raises."""
    key = _key(request.privacy, bench)
    sources = [source for source in (request.source, request.test_source) if source is not None]
    id_type = request.columns[request.id].type if request.id is not None and request.id in request.columns else None
    privacy = _list_privacy(request.privacy or Privacy(), key)
    listings = tuple(Listing(source.format, id=request.id, id_type=id_type, privacy=privacy) for source in sources)
    tables = tuple(_read(source, request, bench, listing) for source, listing in zip(sources, listings, strict=True))
    return Sources(key=key, tables=tables, listings=listings)


def _read(source: SourceFile, request: PrepareInputs, bench: Bench, listing: Listing) -> Table:
    """The rows of the source. Raises ProviderError (source-changed) unless its files have the expected digests."""
    if not source.parts:
        return _read_file(source, request, bench, listing)
    if source.digest is not None and files_digest((part.path, part.digest) for part in source.parts) != source.digest:
        raise _changed_file(source.path)
    tables: list[Table] = []
    for part in source.parts:
        file = replace(source, path=part.path, digest=part.digest, options=part.options or source.options, parts=())
        if tables:
            refuse_other_columns(tables[0], part.path, providers().sources[file.format].columns(bench.project / part.path, file.options))
        tables.append(_read_file(file, request, bench, listing))
    return join_tables(source.path, tables, text=text_columns(request))


def _read_file(source: SourceFile, request: PrepareInputs, bench: Bench, listing: Listing) -> Table:
    """The rows of one file. Raises ProviderError (source-changed) when it changed while it was read, too."""
    path = bench.project / source.path
    bench.progress(message=f"reading {source.path}")
    before = stat_of(path)
    changed = source.digest is not None and digest_of(path) != source.digest
    provider = providers().sources[source.format]
    table = None
    try:
        if not changed:
            texts = text_columns(request)
            table = read_table(path, provider, source.options, name=source.path, text=texts, each=listing.add)
    except ProviderError as problem:
        problem.file = source.path
        raise
    if table is None or stat_of(path) != before:
        raise _changed_file(source.path)
    return table


def _changed_file(path: str) -> ProviderError:
    return ProviderError(
        "The data has changed",
        detail=f"{path} no longer has the bytes that were planned or pinned.",
        hint="plan again; for pinned data, restore the file, or declare a new version for the new data and run `leptonctl pin`",
        id="source-changed",
        file=path,
    )


def _key(privacy: Privacy | None, bench: Bench) -> bytes | None:
    """The hashing key, or None. Raises ProviderError (wrong-key) unless its mark equals the store's mark of this key id."""
    if privacy is None or not (privacy.hash or privacy.key_id):
        return None
    key, key_id = read_secret(privacy.key if isinstance(privacy.key, dict) else {}, bench.project), privacy.key_id or ""
    if not bench.check_key(key_id, key_mark(key, key_id)):
        raise ProviderError(
            "The key of private columns has changed",
            detail=f'Earlier data was hashed under key id "{key_id}" with a different key.',
            hint="provide the original key, or give the new key its own `key_id`",
            id="wrong-key",
        )
    return key


def _list_privacy(declared: Privacy, key: bytes | None) -> ListPrivacy:
    """What the lists of rows may hold."""
    columns = frozenset((*declared.drop, *declared.hash))
    return ListPrivacy(columns=columns, dropped=frozenset(declared.drop), key=key, key_id=declared.key_id)
