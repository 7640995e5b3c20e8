"""The step `prepare`: reads a data file into training and test rows, checks them against the contract, and drops or hashes private columns.

No message contains a cell of the data.
"""

import io
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from leptonctl.core.canonical import digest
from leptonctl.core.codec import encode, plain
from leptonctl.core.contract import Checks, Column, Contract, key_mark
from leptonctl.core.dates import DateColumn
from leptonctl.core.frozen import replace
from leptonctl.core.observed import files_digest
from leptonctl.core.profile import PROFILE_FILE
from leptonctl.core.row_list import RowList, writing_of
from leptonctl.core.values import Json
from leptonctl.learning.catalog import providers
from leptonctl.learning.inputs import PrepareInputs, Privacy, SourceFile, read_inputs
from leptonctl.learning.outputs import ColumnProfile, Notice, PrepareOutputs
from leptonctl.learning.tables.cells import SHOWN_LINES, Fault, check, contract_error, declared_column, filled, typed
from leptonctl.learning.tables.column_checks import NAMES as OF_COLUMNS
from leptonctl.learning.tables.column_checks import column_faults
from leptonctl.learning.tables.date_like import notices as date_like_notices
from leptonctl.learning.tables.dates import Dates, read_dates
from leptonctl.learning.tables.distribution import profile_rows
from leptonctl.learning.tables.identity import rows_digest
from leptonctl.learning.tables.leaks import Sides, learned_rows, telling_columns, time_order
from leptonctl.learning.tables.marks import row_marks
from leptonctl.learning.tables.number_like import notices as number_like_notices
from leptonctl.learning.tables.recheck import FIRST_ROWS, profile_of
from leptonctl.learning.tables.row_checks import Kept, check_rows
from leptonctl.learning.tables.row_list import FILES, Listing, Marks
from leptonctl.learning.tables.row_list import Privacy as Keyed
from leptonctl.learning.tables.several import joined, refuse_other_columns
from leptonctl.learning.tables.shape import OTHER_COLUMNS, Shape, shape_of, text_columns
from leptonctl.learning.tables.sides import hash_private, take_sides, target_of
from leptonctl.learning.tables.split import split_rows
from leptonctl.learning.tables.table import Table, read_table
from leptonctl.learning.tables.targets import first_left_out, left_out, with_targets
from leptonctl.project.digests import digest_of, stat_of
from leptonctl.project.secrets import read_secret
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Bench, Needs, Produced

ROWS_IN_A_GROUP = 1 << 20


def run(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:  # noqa: ARG001 - it is the first step
    request = read_inputs("prepare", inputs, PrepareInputs)
    key, read, listings = read_sources(request, bench)
    tables = with_targets(request, read)
    bench.progress(message="checking the contract")
    shape = shape_of(request, tables)
    private = {shape.id, *request.privacy.drop, *request.privacy.hash} if request.privacy else {shape.id}
    faults: list[Fault] = []
    cells, dates = _cells(shape, tables, faults)
    broken = _broken(request, tables, _kept(cells, dates), faults, private)
    contract = _contract(shape, cells, [date.column for date in dates])
    for table, columns in zip(tables, cells, strict=True):
        hash_private(shape, table, columns, key)
    marks = [] if shape.id is None else row_marks(tables, shape.id, key)
    bench.progress(message="splitting the rows")
    places, stratified = _places(request, tables, target_of(cells[0][shape.target], shape))
    row_lists, listed = _row_lists(request, tables, places, listings)
    notices = [
        *_left_out(request, read, tables),
        *broken,
        *number_like_notices(tables, shape.inferred_texts),
        *date_like_notices(tables[0], shape.inferred_texts),
        *_notices(shape, cells[0]),
    ]
    telling = telling_columns(shape.features, cells[0], cells[0][shape.target]) if shape.target else ()
    leaks = [*telling, *time_order(request.split, dates)]
    profile, count = _profile(cells, private), left_out(read, tables)
    more = [[*(date.texts[place] for date in dates), *marks[place : place + 1]] for place in range(len(tables))]
    # what holds all rows ends here
    tables = [replace(table, frame=table.frame.clear()) for table in tables]
    del read, columns, table
    sides = take_sides(shape, cells, more, places)
    bench.progress(message="writing the rows")
    files = {f"{side}.parquet": bench.artifacts.put_artifact(_parquet(rows)) for side, rows in sides.items()}
    files |= {FILES[side]: bench.artifacts.put_artifact(marks.pack()) for side, marks in listed.items()}
    files[PROFILE_FILE] = bench.artifacts.put_artifact(encode(profile_rows(sides["train"], contract)))
    outputs = PrepareOutputs(
        rows={side: rows.height for side, rows in sides.items()},
        rows_digest={side: rows_digest(rows, contract) for side, rows in sides.items()},
        contract=contract,
        row_lists={side: replace(rows, digest=files[FILES[side]]) for side, rows in row_lists.items()},
        checks=[
            *notices,
            *_unseen_classes(sides, contract),
            *learned_rows(Sides(rows=sides, marks=listed, places=places), tables, shape.dates),
            *leaks,
        ],
        stratified=stratified,
        profile=profile,
        left_out=count,
    )
    return Produced(artifacts=files, outputs=outputs.to_json())


def read_sources(request: PrepareInputs, bench: Bench) -> tuple[bytes | None, list[Table], list[Listing]]:
    """The key of private columns, and the tables as they are in the files, each with the list of its rows. Raises ProviderError."""
    key = _key(request.privacy, bench)
    sources = [source for source in (request.source, request.test_source) if source is not None]
    id_type = request.columns[request.id].type if request.id is not None and request.id in request.columns else None
    privacy = _keyed(request.privacy or Privacy(), key)
    listings = [Listing(source.format, id=request.id, id_type=id_type, privacy=privacy) for source in sources]
    return key, [_read(source, request, bench, listing) for source, listing in zip(sources, listings, strict=True)], listings


def _read(source: SourceFile, request: PrepareInputs, bench: Bench, listing: Listing) -> Table:
    """The rows of the source. Raises ProviderError (source-changed) unless its files have the expected digests."""
    if not source.parts:
        return _read_file(source, request, bench, listing)
    if source.digest is not None and files_digest((part.path, part.digest) for part in source.parts) != source.digest:
        raise _changed(source.path)
    tables: list[Table] = []
    for part in source.parts:
        file = replace(source, path=part.path, digest=part.digest, options=part.options or source.options, parts=())
        if tables:
            refuse_other_columns(tables[0], part.path, providers().sources[file.format].columns(bench.project / part.path, file.options))
        tables.append(_read_file(file, request, bench, listing))
    return joined(source.path, tables, text=text_columns(request))


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
        raise _changed(source.path)
    return table


def _changed(path: str) -> ProviderError:
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


def _broken(
    request: PrepareInputs, tables: Sequence[Table], rows: Sequence[Kept], faults: Sequence[Fault], private: Collection[str | None]
) -> list[Notice]:
    """The notices of rules that only warn. Raises one error with all faults of columns and all rules that rows break."""
    problem = contract_error(faults, private) if faults else None
    notices: list[Notice] = []
    try:
        notices = check_rows(request.checks, tables, rows) if request.checks else []
    except ProviderError as other:
        if problem is None:
            raise
        problem.detail = f"{problem.detail}\n{other.detail}"
    if problem is not None:
        raise problem
    return notices


def _cells(shape: Shape, tables: Sequence[Table], faults: list[Fault]) -> tuple[list[dict[str, pl.Series]], list[Dates]]:
    """The columns of every table, typed, filled and checked, and the dates whose parts are among them. Appends to `faults`."""
    cells = [{name: _column(shape, table, name, faults) for name in shape.types if name in table.frame.columns} for table in tables]
    dates = [read_dates(tables, name, shape.declared[name], faults) for name in shape.dates]
    return [columns | {n: p for d in dates for n, p in d.parts[place].items()} for place, columns in enumerate(cells)], dates


def _column(shape: Shape, table: Table, name: str, faults: list[Fault]) -> pl.Series:
    """One column, typed, filled and checked in 64 bits. Appends its faults to `faults`."""
    declared, kind = shape.declared.get(name), shape.types[name]
    if name in shape.hashed and declared is not None and declared.missing is not None:
        raise ProviderError(
            "A private column cannot be filled",
            detail=f'"{name}" is hashed and has a `missing` value.',
            hint=OTHER_COLUMNS,
            id="private-fill",
            column=name,
        )
    is_target = name == shape.target
    column = declared_column(name, kind, declared)
    values, wrong = typed(table, name, kind, single=not is_target, words=column.words)
    values = filled(values, column.fill, kind, name)
    required = is_target or (declared is not None and declared.nullable is False)
    unique = declared is not None and declared.unique is True
    # a cell of the wrong type was read as null and must not be reported as missing too
    faults += wrong or check(table, column, values, required=required, unique=unique, target=is_target)
    faults += [] if wrong else column_faults(table, name, values, declared)
    return values


def _kept(cells: Sequence[Mapping[str, pl.Series]], dates: Sequence[Dates]) -> list[Kept]:
    """What rules may name, by table."""
    return [
        Kept(columns=columns, dates={date.column.name: (date.column, date.texts[place]) for date in dates})
        for place, columns in enumerate(cells)
    ]


def _contract(shape: Shape, cells: Sequence[Mapping[str, pl.Series]], dates: Sequence[DateColumn]) -> Contract:
    classes = None
    if shape.target and shape.target_type != "number":
        classes = tuple(sorted(pl.concat([target_of(columns[shape.target], shape).unique() for columns in cells]).unique().to_list()))
    nullable = {name: date.nullable for date in dates for name in date.names}
    columns = [_contract_column(shape, name, [table[name] for table in cells]) for name in shape.features]
    columns = [replace(column, nullable=nullable.get(column.name, column.nullable)) for column in columns]
    return Contract(
        target=shape.target, target_type=shape.target_type, classes=classes, columns=tuple(columns), id=shape.id,
        dates=tuple(dates), ignored=shape.ignored,
    )  # fmt: skip


def _contract_column(shape: Shape, name: str, cells: Sequence[pl.Series]) -> Column:
    declared = shape.declared.get(name)
    column = declared_column(name, shape.types[name], declared)
    allowed = None if declared is None else declared.nullable
    nullable = column.fill is None and (any(c.null_count() for c in cells) if allowed is None else allowed)
    if name in shape.hashed:
        # ranges and allowed values would reveal what the hash hides
        return Column(name=name, type="string", nullable=nullable, hash=True, declared=column.declared)
    return replace(column, nullable=nullable)


def _places(request: PrepareInputs, tables: Sequence[Table], target: pl.Series) -> tuple[dict[str, tuple[int, np.ndarray]], bool]:
    """The table and the row numbers of the training and test rows, and whether they were stratified."""
    if len(tables) > 1:
        return {side: (table, np.arange(tables[table].frame.height)) for side, table in (("train", 0), ("test", 1))}, False
    train, test, stratified = split_rows(request.split, tables[0], target, request.columns)
    return {"train": (0, train), "test": (0, test)}, stratified


def _keyed(declared: Privacy, key: bytes | None) -> Keyed:
    """What the lists of rows may hold."""
    columns = frozenset((*declared.drop, *declared.hash))
    return Keyed(columns=columns, dropped=frozenset(declared.drop), key=key, key_id=declared.key_id)


def _row_lists(
    request: PrepareInputs, tables: Sequence[Table], places: Mapping[str, tuple[int, np.ndarray]], listings: Sequence[Listing]
) -> tuple[dict[str, RowList], dict[str, Marks]]:
    """By what the rows of each side are known."""
    listed = [listing.done() for listing in listings]
    marks = {side: listed[table][1].take(_in_file(tables[table], rows)) for side, (table, rows) in places.items()}
    reading = [_reading(request, table) for table in tables]
    return {
        side: replace(listed[table][0], reading=reading[table], writing=_writing(tables[table])) for side, (table, _) in places.items()
    }, marks


def _in_file(table: Table, rows: np.ndarray) -> np.ndarray:
    """The numbers of rows of a table among all rows of its files."""
    return rows if table.kept is None else table.kept[rows]


def _reading(request: PrepareInputs, table: Table) -> dict[str, str]:
    """How cells become values, as digests: of the options under "", and of each declared column. Checks change no value."""
    checks = dict.fromkeys((*Checks.__struct_fields__, "unique", "min_date", "max_date", *OF_COLUMNS))
    reduced = [replace(piece.options, encoding="", delimiter=None, header=True, skip_rows=0) for piece in table.files]
    options = {digest(plain(one)) for one in reduced}
    columns = {name: digest(plain(replace(column, **checks))) for name, column in request.columns.items()}
    return {"": next(iter(options)) if len(options) == 1 else digest([*sorted(options)]), **columns}


def _writing(table: Table) -> str:
    """How the numbers of the files are written."""
    return "; ".join(sorted({writing_of(piece.options.decimal, piece.options.thousands) for piece in table.files}))


def _profile(cells: Sequence[Mapping[str, pl.Series]], private: Collection[str | None]) -> dict[str, ColumnProfile]:
    """The profile of every column that is not private, over all tables."""
    names = dict.fromkeys(name for table in cells for name in table if name not in private)
    return {name: profile_of(pl.concat([table[name] for table in cells if name in table])) for name in names}


def _left_out(request: PrepareInputs, before: Sequence[Table], after: Sequence[Table]) -> Iterator[Notice]:
    count = left_out(before, after)
    if count:
        lines = first_left_out(before, after, SHOWN_LINES)
        yield Notice(check="no_target", column=request.target, count=count, lines=lines, severity="note")


def _notices(shape: Shape, cells: Mapping[str, pl.Series]) -> list[Notice]:
    """Notices about columns that carry no information and about integers that float32 rounds."""
    notices: list[Notice] = []
    for name in shape.features:
        values = cells[name]
        if values.null_count() == len(values):
            notices.append(Notice(column=name, check="all_missing", count=len(values)))
        elif values.head(FIRST_ROWS).n_unique() == 1 and values.n_unique() == 1:
            notices.append(Notice(column=name, check="constant", count=len(values)))
        elif values.dtype == pl.Int64 and name not in shape.hashed:
            rounded = int((values.cast(pl.Float64).cast(pl.Float32).cast(pl.Float64) != values.cast(pl.Float64)).sum())
            notices += [Notice(column=name, check="rounded", count=rounded)] if rounded else []
    return notices


def _unseen_classes(sides: Mapping[str, pl.DataFrame], contract: Contract) -> list[Notice]:
    """A notice about test rows with a class that no training row has."""
    if contract.target_type != "string":
        return []
    test = sides["test"][contract.target]
    unseen = int(np.count_nonzero(~test.is_in(sides["train"][contract.target].unique().implode()).to_numpy()))
    return [Notice(column=contract.target, check="unseen_class", count=unseen)] if unseen else []


def _parquet(rows: pl.DataFrame) -> bytes:
    """The rows as a Parquet file. Compression and grouping are fixed and statistics left out, so that equal rows give equal bytes."""
    out = io.BytesIO()
    rows.write_parquet(out, compression="zstd", compression_level=3, statistics=False, row_group_size=ROWS_IN_A_GROUP)
    return out.getvalue()
