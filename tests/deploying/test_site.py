"""The files of a deployment, as a platform reads them from the store."""

from pathlib import Path

from leptonctl.core import layout
from leptonctl.testing.packages import put_package
from tests.deploying.servers import STORE, site_of


def test_a_platform_gets_the_files_of_a_route_and_none_that_is_unsound(tmp_path: Path) -> None:
    site = site_of(tmp_path, 8080)
    files = sorted(put_package(site.objects, "v1", 2.0).files.values())
    assert [site.file(digest) for digest in files] == [(tmp_path / STORE / layout.artifact(digest)).read_bytes() for digest in files]
    damaged, missing, purged = files[:3]
    (tmp_path / STORE / layout.artifact(damaged)).write_bytes(b"damaged")
    (tmp_path / STORE / layout.artifact(missing)).unlink()
    site.objects.create(layout.tombstone(purged), b"{}")
    assert [site.file(digest) for digest in files[:3]] == [None, None, None]
