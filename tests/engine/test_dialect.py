"""The lint refuses what was measured to translate wrongly; the rest translates the same."""

import pytest

from retention.engine import lint, translate
from retention.errors import ParameterError

pytest.importorskip("sqlglot", reason="needs the extra spark")

REFUSED = {
    "select a / b from t": "division",
    "select a % b from t": "division",
    "select ln(a) from t": "ln or sqrt",
    "select sqrt(a) from t": "ln or sqrt",
    "select log(a) from t": "log: write ln or log10",
    "select cast(a / 2 as integer) from t": "fraction to a whole number",
    "select avg(a) from t": "avg",
    "select case when a > 1 then 0.0 else a end from t": "decimal literal",
    "select coalesce(a, 0.5) from t": "decimal literal",
    "select dayofweek(d) from t": "Monday",
    "select isodow(d) from t": "Monday",
    "select date_diff('month', d, e) from t": "date difference in months",
    "select datediff('year', d, e) from t": "date difference in years",
    "select quantile_cont(x, 0.5) from t": "quantile in numpy",
    "select median(x) from t": "quantile in numpy",
    "select * from t asof join u on t.d >= u.d": "asof join",
    "select d + interval 30 day from t": "interval",
    "select d - interval '1 month' from t": "interval",
    "select * from range(1, 5)": "range as a table",
    "select epoch(ts) from t": "days between dates",
    "select hash(x) from t": "md5",
    "select random() from t": "md5",
    "select first(x) from t": "arg_min",
    "select any_value(x) from t": "min or max",
    "select current_date": "cutoff",
    "with a as (select x / y as z from t) select * from a": "division",
    "select closed_on - opened_on <= 7 from complaints": "date - date",
    "select coalesce(closed_on, DATE '2024-01-31') - opened_on from complaints": "date - date",
    "with a as (select min(ordered_on) as won from orders) select DATE '2024-01-01' - won from a": (
        "date - date"
    ),
    "select max(at) over () - lag(at) over (order by at) from contacts": "date - date",
    "select make_date(y, 1, 1) - ordered_on from orders": "date - date",
    "with a as (select lead(d) over (order by d) as until, d from"
    " (select acquired_on + 7 as d from customers) as k) select until - d from a": "date - date",
    "select log10(a) from t": "ln or sqrt",
    "select power(a, 0.5) from t": "power",
    "select a // b from t": "division",
    "select cost // 2 from contacts": "// of fractions",
    "select amount / 3 from orders": "division of money",
    "select sum(amount) / count(*) from orders": "division of money",
    "with a as (select max(price) as top from contracts) select top / nullif(n, 0) from a": (
        "division of money"
    ),
    "select cast(a * 0.5 as integer) from t": "fraction to a whole number",
    "select cast(sum(score) as bigint) from surveys": "fraction to a whole number",
    "select try_cast('3.5' as integer)": "text to a whole number",
    "select try_cast(segment as integer) from customers": "text to a whole number",
    "select cast(amount * cast(0.45 as double) as decimal(18, 2)) from orders": (
        "double to a decimal"
    ),
    "select nullif(a, 0.0) from t": "decimal literal",
    "select extract(dow from d) from t": "extract dow",
    "select date_part('dow', d) from t": "not compared",
    "select dayname(d) from t": "Monday",
    "select strftime(d, '%w') from t": "strftime",
    "select strftime(d, '%G-W%V') from t": "strftime",
    "select try_strptime(x, '%d.%m.%y') from t": "strptime",
    "select d + to_months(1) from t": "integer days",
    "select percentile_cont(0.5) within group (order by x) from t": "quantile in numpy",
    "select approx_quantile(x, 0.5) from t": "quantile in numpy",
    "select * from a positional join b": "positional join",
    "select * from generate_series(1, 5)": "range as a table",
    "select * from t using sample 10": "sample",
    "select distinct on (a) a, b from t": "distinct on",
    "select x from t limit 3": "limit",
    "select row_number() over (partition by a) from t": "window",
    "select lag(x) over () from t": "window",
    "select cast(d as timestamp) from t": "timestamp without a zone",
    "select array_agg(x) from t": "not compared",
    "select string_agg(x, ',') from t": "not compared",
    "select kurtosis(x) from t": "not compared",
    "select concat(a, b) from t": "not compared",
    "select arg_max(x, y, 3) from t": "take one",
    "select last(x) from t": "arg_max",
    "select now()": "cutoff",
    "select uuid()": "md5",
}
ACCEPTED = (
    "select a / 2 from t",
    "select a / nullif(b, 0) from t",
    "select case when b <> 0 then a / b end from t",
    "select case when a > 0 then ln(a) end from t",
    "select cast(floor(a / 2) as integer) from t",
    "select cast(sum(a) as double) / nullif(count(*), 0) from t",
    "select avg(cast(a as double)) from t",
    "select datediff('day', d, e) from t",
    "select d + 90 from t",
    "select opened_on - 90 <= answered_on from t",
    "select score - severity from complaints",
    "select closed_on - 7 - 1 from complaints",
    "select unnest(generate_series(1, 5))",
    "select arg_min(a, b) from t group by c",
    "select case when a then cast(0 as double) end from t",
    "select cast(sum(amount) as double) / count(*) from orders",
    "select score / 2 from surveys",
    "select sum(cast(case when a > 0 then ln(a) end as decimal(18, 10))) from t",
    "select cast(amount * cast(0.45 as decimal(7, 6)) as decimal(18, 2)) from orders",
    "select case when x = floor(x) then cast(x as bigint) end from t",
    "select x from t order by x limit 3",
    "select 1 as found from t limit 1",
    "select row_number() over (partition by a order by b, c) from t",
    "select strftime(d, '%Y-%m') from t",
)


@pytest.mark.parametrize(("sql", "why"), REFUSED.items())
def test_lint_refuses(sql, why):
    assert any(why in fault for fault in lint(sql)), lint(sql)
    with pytest.raises(ParameterError, match="cannot be translated to spark"):
        translate(sql, "spark")


@pytest.mark.parametrize("sql", ACCEPTED)
def test_lint_accepts(sql):
    assert lint(sql) == ()
    assert translate(sql, "spark")


def test_all_faults_are_named_at_once():
    assert len(lint("select a / b, ln(c), d + interval 1 day from t")) == 3


def test_no_sql_is_no_traceback():
    with pytest.raises(ParameterError, match="no SQL"):
        lint("select from where (")


def test_base_tables_move_where_the_engine_keeps_them():
    sql = 'select "at" from base."contacts" join raw.x on true'
    assert translate(sql, "spark", "global_temp.r1_") == (
        "SELECT `at` FROM global_temp.`r1_base_contacts` JOIN global_temp.`r1_raw_x` ON TRUE"
    )


def test_arg_max_passes_over_what_has_no_value_as_duckdb_does():
    assert translate("select arg_max(a, b) from t", "spark") == (
        "SELECT MAX_BY(a, CASE WHEN NOT a IS NULL THEN b END) FROM t"
    )


@pytest.mark.parametrize(
    ("letters", "pattern"),
    [("%d.%m.%Y", "d.M.yyyy"), ("%Y%m%d", "yyyyMMdd"), ("%Y-%m-%dT%H:%M", r"yyyy-M-d\'T\'H:m")],
)
def test_formats_of_dates_are_written_in_sparks_letters(letters, pattern):
    said = translate(f"select try_strptime(x, '{letters}') from t", "spark")
    assert said == f"SELECT TRY_TO_TIMESTAMP(x, '{pattern}') FROM t"
