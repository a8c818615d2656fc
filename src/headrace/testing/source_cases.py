"""What every source must do: plan what there is and no more, read what was planned, name what cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest

from headrace.dataset import Fragment
from headrace.dataset.types import logical_schema
from headrace.errors import InvalidInput, InvalidSchema
from headrace.ingestion import Source
from headrace.testing.engine_cases import make_rows

__all__ = ["SourceCases"]


class SourceCases:
    """Inherit in a test class and say how tables get to where the source finds them.

    class TestMySource(SourceCases):
        def deliver(self, folder, spans): ...     # write each span's table
        def source(self, folder): ...             # a source that finds what was delivered
        def damage(self, folder, span): ...       # make one span's table unreadable
        def kept(self, table): ...                # only for a format that keeps less than names, types and values
        keeps_empty = False                       # only where a span without rows is no span
        nothing = "no row found"                  # only where what is looked for is no file
    """

    keeps_empty: ClassVar[bool] = True
    nothing: ClassVar[str] = "no file found"

    def deliver(self, folder: Path, spans: Mapping[str, pa.Table]) -> None:
        """Put each table where the source finds it under its span's name; called again with more spans later."""
        raise NotImplementedError

    def source(self, folder: Path) -> Source:
        """A source of all spans delivered into this folder."""
        raise NotImplementedError

    def damage(self, folder: Path, span: str) -> None:
        """Make what was delivered for a span unreadable."""
        raise NotImplementedError

    def kept(self, table: pa.Table) -> pa.Table:
        """What a delivered table reads as; the table itself where the format keeps types."""
        return table

    @staticmethod
    def _table(source: Source, fragment: Fragment, schema: pa.Schema | None = None) -> pa.Table:
        found = source.read(fragment, schema)
        return pa.Table.from_batches([batch.cast(found.schema) for batch in found.batches], schema=found.schema)

    def test_what_was_delivered_is_read(self, tmp_path: Path) -> None:
        """Each span's rows come back in their order, nulls and all, with logical types; counts are true or absent."""
        tables = {"2013-01": make_rows(300, seed=1), "2013-02": make_rows(70, seed=2)}
        tables["2013-10"] = make_rows(0 if self.keeps_empty else 1)
        self.deliver(tmp_path, tables)
        source = self.source(tmp_path)
        plan = source.plan()
        assert list(dict.fromkeys(planned.span for planned in plan.fragments)) == list(tables)
        for span, table in tables.items():
            fragments = [planned.fragment for planned in plan.fragments if planned.span == span]
            schema = source.join([(fragment.locator, source.read(fragment).schema) for fragment in fragments])
            rows = pa.concat_tables([self._table(source, fragment, schema) for fragment in fragments])
            table = self.kept(table)
            assert rows.schema == logical_schema(table.schema, "")
            assert str(rows.to_pylist()) == str(table.to_pylist())
        for planned in plan.fragments:
            num_rows = self._table(source, planned.fragment).num_rows
            assert planned.fragment.num_rows in (None, num_rows)
            assert source.read(planned.fragment).num_rows in (None, num_rows)

    def test_planning_again_gives_the_same(self, tmp_path: Path) -> None:
        """A plan is plain data: nothing new, the same plan; reading twice gives the same rows."""
        self.deliver(tmp_path, {"2013-01": make_rows(50)})
        plan = self.source(tmp_path).plan()
        assert self.source(tmp_path).plan() == plan
        fragment = plan.fragments[0].fragment
        first, second = (self._table(self.source(tmp_path), fragment) for _ in range(2))
        assert str(first.to_pylist()) == str(second.to_pylist())

    def test_a_look_tells_what_changed(self, tmp_path: Path) -> None:
        """Another content, another identity; a mark that is known brings the identity with it."""
        self.deliver(tmp_path, {"2013-01": make_rows(60, seed=1), "2013-02": make_rows(60, seed=2)})
        source = self.source(tmp_path)
        fragments = [planned.fragment for planned in source.plan().fragments]
        pieces = [source.look(fragment, {}) for fragment in fragments]
        assert pieces == [self.source(tmp_path).look(fragment, {}) for fragment in fragments]
        assert len({piece.identity for piece in pieces}) == len(pieces)
        for fragment, piece in zip(fragments, pieces, strict=True):
            assert piece.locator == fragment.locator
            if piece.mark:
                known = {(piece.locator, piece.mark): "remembered"}
                assert source.look(fragment, known).identity == "remembered"

    def test_the_cursor_tells_old_from_new(self, tmp_path: Path) -> None:
        """After a cursor there is only what came later, and each span is planned exactly once."""
        self.deliver(tmp_path, {"2013-01": make_rows(5), "2013-02": make_rows(6)})
        first = self.source(tmp_path).plan()
        nothing = self.source(tmp_path).plan(first.next_cursor)
        assert nothing.fragments == ()
        assert nothing.next_cursor == first.next_cursor
        self.deliver(tmp_path, {"2013-03": make_rows(7)})
        second = self.source(tmp_path).plan(first.next_cursor)
        assert {planned.span for planned in second.fragments} == {"2013-03"}
        assert second.next_cursor != first.next_cursor

    def test_files_of_other_columns_do_not_join(self, tmp_path: Path) -> None:
        """A span whose fragments do not have the same columns is an InvalidSchema that names fragment and column."""
        one, other = pa.schema([("x", pa.int64())]), pa.schema([("x", pa.int64()), ("more", pa.int64())])
        source = self.source(tmp_path)
        assert source.join([("one", one), ("two", one)]) == one
        for shapes in ([("one", one), ("two", other)], [("two", other), ("one", one)]):
            with pytest.raises(InvalidSchema, match=r"'more' is .*(two.*one|one.*two)"):
                source.join(shapes)

    def test_nothing_delivered(self, tmp_path: Path) -> None:
        """A source that never had anything says what it looked for."""
        with pytest.raises(InvalidInput, match=self.nothing):
            self.source(tmp_path).plan()

    def test_damage_is_named(self, tmp_path: Path) -> None:
        """What cannot be read is an InvalidInput that says where, from planning or from reading."""
        self.deliver(tmp_path, {"2013-01": make_rows(500), "2013-02": make_rows(500)})
        self.damage(tmp_path, "2013-02")
        source = self.source(tmp_path)
        with pytest.raises(InvalidInput, match="2013-02"):
            for planned in source.plan().fragments:
                self._table(source, planned.fragment)
