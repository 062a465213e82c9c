"""The same table from every source; a wrong encoding named with file and position."""

import datetime as dt
import gzip
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from retention.datasets import read_tables
from retention.errors import DataError, ProjectError, SchemaError
from retention.project import Project

HEAD = """
[project]
name = "Shop"
currency = "EUR"
zone = "Europe/Berlin"
observed_from = 2024-01-01
data_cutoff = 2025-01-01
"""
ORDERS = pd.DataFrame(
    {
        "order_id": ["001", "002", "003", "004"],
        "customer_id": ["0071", "Café", "Müller & Söhne", "0071"],
        "ordered_on": [
            dt.date(2024, 1, 31),
            dt.date(2024, 2, 29),
            dt.date(2024, 3, 31),
            dt.date(2024, 10, 27),
        ],
        "amount": [1234.5, -3.25, 0.1, 99999.99],
        "product": ["Fracht", None, "Lager, groß", 'Zoll "neu"'],
    }
)
CHINESE = ORDERS.assign(
    customer_id=["0071", "顺丰速运", "德邦物流", "0071"], product=["快递", None, "仓储, 大", "龍"]
)


def orders(folder: Path, section: str) -> pd.DataFrame:
    (folder / "retention.toml").write_text(HEAD + "[tables.orders]\n" + section, encoding="utf-8")
    tables = read_tables(Project.load(folder))
    return tables.query(
        "select order_id, customer_id, ordered_on, amount, product from orders order by order_id"
    )


def expected(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(ordered_on=pd.to_datetime(frame.ordered_on).astype("datetime64[us]"))


@pytest.mark.parametrize(
    ("encoding", "codec", "frame"),
    [
        ("", "utf-8", ORDERS),
        ("", "utf-8-sig", CHINESE),
        ("utf-8", "utf-8", CHINESE),
        ("", "utf-16", CHINESE),
        ("utf-16", "utf-16", ORDERS),
        ("utf-16-le", "utf-16-le", CHINESE),
        ("gb18030", "gb18030", CHINESE),
        ("GBK", "gbk", CHINESE),
        ("latin-1", "latin-1", ORDERS),
        ("windows-1252", "cp1252", ORDERS),
    ],
)
def test_text_in_every_encoding(tmp_path, encoding, codec, frame):
    frame.to_csv(tmp_path / "o.csv", index=False, encoding=codec)
    named = f'encoding = "{encoding}"\n' if encoding else ""
    got = orders(tmp_path, f'path = "o.csv"\n{named}')
    pd.testing.assert_frame_equal(got, expected(frame))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_proven_by_the_header_and_comma_decimals_are_read(tmp_path, delimiter):
    text = ORDERS.assign(amount=["1.234,50", "-3,25", "0,1", "99 999,99"])
    text.to_csv(tmp_path / "o.csv", index=False, sep=delimiter)
    got = orders(tmp_path, 'path = "o.csv"\ndecimal = ","\n')
    pd.testing.assert_frame_equal(got, expected(ORDERS))


def test_chinese_headers_and_compressed_parts_in_another_order(tmp_path):
    names = {
        "order_id": "订单号",
        "customer_id": "客户",
        "ordered_on": "日期",
        "amount": "金额",
        "product": "产品",
    }
    (tmp_path / "orders").mkdir()
    head, tail = CHINESE.iloc[:2].rename(columns=names), CHINESE.iloc[2:].rename(columns=names)
    head.to_csv(tmp_path / "orders/1.csv", index=False, encoding="gb18030")
    with gzip.open(tmp_path / "orders/2.csv.gz", "wb") as file:
        file.write(tail[list(tail.columns[::-1])].to_csv(index=False).encode("gb18030"))
    columns = "\n".join(f'{ours} = "{theirs}"' for ours, theirs in names.items())
    got = orders(
        tmp_path,
        'path = "orders"\nformat = "csv"\nencoding = "gb18030"\n'
        f"[tables.orders.columns]\n{columns}\n",
    )
    pd.testing.assert_frame_equal(got, expected(CHINESE))


def test_excel(tmp_path):
    CHINESE.to_excel(tmp_path / "o.xlsx", index=False, sheet_name="Aufträge", engine="xlsxwriter")
    got = orders(tmp_path, 'path = "o.xlsx"\nsheet = "Aufträge"\n')
    pd.testing.assert_frame_equal(got, expected(CHINESE))
    with pytest.raises(ProjectError, match="it has: Aufträge"):
        orders(tmp_path, 'path = "o.xlsx"\nsheet = "orders"\n')


def test_parquet_folder_and_duckdb_file(tmp_path):
    (tmp_path / "o/2024").mkdir(parents=True)
    CHINESE.iloc[:1].to_parquet(tmp_path / "o/1.parquet")
    CHINESE.iloc[1:].to_parquet(tmp_path / "o/2024/2.parquet")
    pd.testing.assert_frame_equal(orders(tmp_path, 'path = "o"\n'), expected(CHINESE))
    pd.testing.assert_frame_equal(orders(tmp_path, 'path = "o/**/*.parquet"\n'), expected(CHINESE))
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.register("frame", pa.Table.from_pandas(CHINESE))
        connection.execute("create schema crm; create table crm.sales as select * from frame")
    pd.testing.assert_frame_equal(
        orders(tmp_path, 'path = "warehouse.duckdb"\nrelation = "crm.sales"\n'), expected(CHINESE)
    )
    query = "select * from crm.sales where order_id < '003'"
    assert len(orders(tmp_path, f'path = "warehouse.duckdb"\nquery = "{query}"\n')) == 2


@pytest.mark.parametrize(
    ("codec", "named", "where"),
    [
        ("cp1252", "", r"o\.csv is not utf-8: byte 0xe9 at position 88, line 3"),
        ("gb18030", "", r"o\.csv is not utf-8: byte 0xbf at position 74, line 2"),
        ("gb18030", "latin-1", r"o\.csv does not read as latin-1: from byte 74 on"),
        ("gb18030", "windows-1252", r"o\.csv does not read as windows-1252: from byte 74 on"),
        ("utf-8", "gb18030", r"o\.csv is UTF-8 \(first such character at byte 74\)"),
        ("utf-8", "windows-1252", r"o\.csv is UTF-8"),
        ("utf-8", "utf-16", r"o\.csv has no byte order mark"),
        ("utf-8", "utf-16-le", r"o\.csv is UTF-8"),
        ("utf-16", "gbk", r"o\.csv begins with the mark of UTF-16"),
    ],
)
def test_a_wrong_encoding_names_file_and_position(tmp_path, codec, named, where):
    frame = ORDERS if codec == "cp1252" else CHINESE
    frame.to_csv(tmp_path / "o.csv", index=False, encoding=codec)
    line = f'encoding = "{named}"\n' if named else ""
    with pytest.raises(DataError, match=where):
        orders(tmp_path, f'path = "o.csv"\n{line}')


@pytest.mark.parametrize("word", ["größer", "créée", "Ärzte, Öfen, Übung", "façade à Noël"])
def test_letters_side_by_side_are_western_text(tmp_path, word):
    frame = ORDERS.assign(customer_id="c", product=[word] * 4)
    frame.to_csv(tmp_path / "o.csv", index=False, encoding="cp1252")
    got = orders(tmp_path, 'path = "o.csv"\nencoding = "windows-1252"\n')
    pd.testing.assert_frame_equal(got, expected(frame))


@pytest.mark.parametrize(("codec", "word"), [("cp1251", "Москва"), ("gbk", "国"), ("big5", "客戶")])
def test_what_is_not_western_is_not_read_as_such(tmp_path, codec, word):
    ORDERS.assign(customer_id="c", product=[word] * 4).to_csv(
        tmp_path / "o.csv", index=False, encoding=codec
    )
    with pytest.raises(DataError, match=r"o\.csv does not read as windows-1252"):
        orders(tmp_path, 'path = "o.csv"\nencoding = "windows-1252"\n')


def test_unknown_encoding_is_a_fault_of_the_project(tmp_path):
    ORDERS.to_csv(tmp_path / "o.csv", index=False)
    with pytest.raises(ProjectError, match="encoding 'klingon' is unknown"):
        orders(tmp_path, 'path = "o.csv"\nencoding = "klingon"\n')


@pytest.mark.parametrize(
    ("named", "bad", "said"),
    [
        ("", b"\xe9", "is not utf-8: byte 0xe9"),
        ("gb18030", b"\xff", "is not gb18030: byte 0xff"),
        ("windows-1252", b"\x81", "is not windows-1252: byte 0x81"),
    ],
)
def test_a_bad_byte_at_row_900_000_is_found(tmp_path, named, bad, said):
    head, row = b"order_id,customer_id,ordered_on,amount\n", b"1,c1,2024-05-01,10.00\n"
    with (tmp_path / "o.csv").open("wb") as file:
        file.write(head + row * 899_999 + row.replace(b"c1", b"c" + bad) + row * 100_000)
    encoding = f'encoding = "{named}"\n' if named else ""
    position = len(head) + 899_999 * len(row) + 3
    with pytest.raises(DataError, match=rf"o\.csv {said} at position {position:,}, line 900,001"):
        orders(tmp_path, f'path = "o.csv"\n{encoding}')
    assert not list((tmp_path / "data/cache").glob("orders*"))


def test_lines_that_cannot_be_parsed_are_set_aside(tmp_path):
    (tmp_path / "o.csv").write_text(
        "order_id,customer_id,ordered_on,amount\n1,a,2024-01-01,5\n2,a,2024-01-02\n"
        "3,a,2024-01-03,5,9,9\n4,a,2024-01-04,7\n5,a,2024-01-05,bad\n",
        encoding="utf-8",
    )
    (tmp_path / "retention.toml").write_text(HEAD + '[tables.orders]\npath = "o.csv"\n')
    tables = read_tables(Project.load(tmp_path))
    check = tables.check.tables["orders"]
    assert (check.rows, check.used, check.set_aside) == (5, 2, 3)
    text = (tmp_path / "data/set_aside/orders_unreadable.csv").read_text(encoding="utf-8-sig")
    assert "2,a,2024-01-02" in text
    assert "3,a,2024-01-03,5,9,9" in text
    aside = pd.read_csv(tmp_path / "data/set_aside/orders.csv", dtype=str)
    assert aside.loc[0, "amount"] == "bad"  # as it stood in the source
    assert aside.loc[0, "failed_rules"] == "amount_is_money"


def test_damaged_files_are_named(tmp_path):
    CHINESE.to_parquet(tmp_path / "o.parquet")
    whole = (tmp_path / "o.parquet").read_bytes()
    (tmp_path / "o.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"o\.parquet"):
        orders(tmp_path, 'path = "o.parquet"\n')
    data = bytearray(whole)
    data[40:200] = bytes(160)  # the footer is whole, a page is not
    (tmp_path / "o.parquet").write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"o\.parquet"):
        orders(tmp_path, 'path = "o.parquet"\n')
    (tmp_path / "o.csv.gz").write_bytes(gzip.compress(b"order_id,customer_id\n" * 99)[:-9])
    with pytest.raises(DataError, match=r"damaged gzip"):
        orders(tmp_path, 'path = "o.csv.gz"\n')
    (tmp_path / "o.xlsx").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match=r"no readable workbook"):
        orders(tmp_path, 'path = "o.xlsx"\n')
    (tmp_path / "o.csv").write_bytes(b"")
    with pytest.raises(DataError, match=r"o\.csv is empty"):
        orders(tmp_path, 'path = "o.csv"\n')
    (tmp_path / "o.csv").write_bytes(b"order_id,customer_id,ordered_on,amount\n")
    with pytest.raises(SchemaError, match="no rows"):
        orders(tmp_path, 'path = "o.csv"\n')


# --- PostgreSQL: a real server on loopback --------------------------------------------------------

POSTGRES = Path("/usr/lib/postgresql/15/bin")


def _as_server_user() -> dict:
    """The server refuses to run as root; then it runs as nobody."""
    return {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not (POSTGRES / "initdb").exists():
        pytest.skip("PostgreSQL 15 is not installed under /usr/lib/postgresql")
    pytest.importorskip("adbc_driver_postgresql", reason="needs the extra postgres")
    folder = Path(tempfile_for_server())
    user = _as_server_user()
    if user:
        shutil.chown(folder, "nobody", "nogroup")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    run = {"check": True, "capture_output": True, "cwd": folder, **user}
    subprocess.run(
        [
            POSTGRES / "initdb",
            "-D",
            folder / "db",
            "-U",
            "crm",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ],
        **run,
    )
    process = subprocess.Popen(
        [
            POSTGRES / "postgres",
            "-D",
            folder / "db",
            "-p",
            str(port),
            "-h",
            "127.0.0.1",
            "-k",
            folder,
            "-F",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        **user,
    )
    try:
        _wait_for(port)
        yield f"postgresql://crm:secret-word@127.0.0.1:{port}/postgres"
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def tempfile_for_server() -> str:
    import tempfile

    return tempfile.mkdtemp(prefix="pg-", dir="/tmp")


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("PostgreSQL did not start in 10 seconds")


def test_postgres(tmp_path, server, monkeypatch):
    import adbc_driver_postgresql.dbapi as postgres

    monkeypatch.setenv("CRM_URL", server)
    rows = ", ".join(
        "({})".format(
            ", ".join(
                "null" if value is None else "'" + str(value).replace("'", "''") + "'"
                for value in row
            )
        )
        for row in CHINESE.astype(object).where(CHINESE.notna(), None).itertuples(index=False)
    )
    for attempt in range(50):
        try:
            with postgres.connect(server) as connection, connection.cursor() as cursor:
                cursor.execute(
                    "create table if not exists sales (order_id text, customer_id text,"
                    " ordered_on timestamptz, amount numeric(18,2), product text)"
                )
                cursor.execute(f"insert into sales values {rows}")
                connection.commit()
            break
        except postgres.Error:
            assert attempt < 49
            time.sleep(0.1)
    got = orders(tmp_path, 'connection = "CRM_URL"\nrelation = "sales"\n')
    pd.testing.assert_frame_equal(got, expected(CHINESE))


def test_postgres_faults_never_show_the_connection_string(tmp_path, server, monkeypatch):
    section = 'connection = "CRM_URL"\nrelation = "nothing"\n'
    monkeypatch.delenv("CRM_URL", raising=False)
    with pytest.raises(ProjectError, match="CRM_URL is not set"):
        orders(tmp_path, section)
    for url in (server, "postgresql://crm:secret-word@127.0.0.1:1/postgres"):
        monkeypatch.setenv("CRM_URL", url)
        with pytest.raises(DataError, match="did not answer") as caught:
            orders(tmp_path, section)
        assert "secret-word" not in str(caught.value)
    assert not list((tmp_path / "data/cache").glob("orders*"))
    # a password with signs that end it early: the driver takes the rest for host and port
    for url in (
        "postgresql://crm:secret-word@10%2@127.0.0.1:none/postgres",
        "postgresql://crm:ab@secret-word:99999/postgres",
        "host=127.0.0.1 port=secret-word user=crm",
        "secret-word",
    ):
        monkeypatch.setenv("CRM_URL", url)
        with pytest.raises(DataError, match="did not answer") as caught:
            orders(tmp_path, section)
        assert "secret-word" not in str(caught.value)
    with pytest.raises(ProjectError, match="not hold a secret"):
        orders(tmp_path, 'connection = "postgresql://crm:x@h/db"\nrelation = "a"\n')


def test_postgres_by_service_file(tmp_path, server, monkeypatch):
    """Credentials from a service file; the project file and the manifest know its name only."""
    address = urlsplit(server)
    service = tmp_path / "service.conf"
    service.write_text(
        f"[crm]\nhost={address.hostname}\nport={address.port}\nuser={address.username}\n"
        f"password={address.password}\ndbname=postgres\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(service))
    query = (
        "select '1' as order_id, 'a' as customer_id, date '2024-01-01' as ordered_on, 2 as amount,"
        " null::text as product"
    )
    section = f'connection = "service=crm"\nquery = """{query}"""\n'
    assert len(orders(tmp_path, section)) == 1
    with pytest.raises(DataError, match="did not answer") as caught:
        orders(tmp_path, section.replace("service=crm", "service=other"))
    kept = [path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert b"secret-word" not in b"".join(kept) + str(caught.value).encode()


@pytest.mark.parametrize("row", [1, 150_000])
def test_a_database_that_goes_away_during_the_query(tmp_path, server, monkeypatch, row):
    monkeypatch.setenv("CRM_URL", server)
    section = f'''connection = "CRM_URL"
query = """select i::text as order_id, now() as ordered_on, 1 as amount,
  case when i = {row} then pg_terminate_backend(pg_backend_pid())::text else 'c' end as customer_id
  from generate_series(1, 200000) as i"""
'''
    with pytest.raises(DataError, match="did not answer the query") as caught:
        orders(tmp_path, section)
    assert "secret-word" not in str(caught.value)
    assert not list((tmp_path / "data/cache").glob("orders*"))
    monkeypatch.undo()
    ORDERS.to_csv(tmp_path / "o.csv", index=False)
    assert len(orders(tmp_path, 'path = "o.csv"\n')) == len(ORDERS)
