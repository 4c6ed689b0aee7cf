# What DuckDB and pyarrow find in an export: argument 1 is its folder; 2, when given, is where pyarrow finds it in S3.
import hashlib, json, os, sys
import duckdb, pyarrow.compute as pc, pyarrow.dataset as ds, pyarrow.fs as fs, pyarrow.parquet as pq

root = sys.argv[1]
s3, place = None, root
if len(sys.argv) > 2:
    s3 = fs.S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"].split("//")[1], scheme="http", region="us-east-1")
    place = sys.argv[2]

files = sorted(os.path.relpath(os.path.join(d, f), root) for d, _, names in os.walk(root) for f in names)
manifest = json.load(open(f"{root}/manifest.json"))
told = {f["path"]: f for f in manifest["files"]}
for path, file in told.items():
    body = open(f"{root}/{path}", "rb").read()
    assert hashlib.sha256(body).hexdigest() == file["sha256"] and len(body) == file["bytes"], path
    assert pq.ParquetFile(f"{root}/{path}").metadata.num_rows == file["rows"], path
assert files == sorted([*told, "manifest.json"]), files

db = duckdb.connect()
db.execute("set timezone = 'UTC'")
one = lambda sql: db.execute(sql).fetchall()[0]
found = {}
for name in ["messages", "requests", "turns", "tag_scores", "dialogs", "clients", "operators", "leads"]:
    rows = f"read_parquet('{root}/dataset={name}/**/*.parquet', hive_partitioning = true)"
    dataset = ds.dataset(f"{place}/dataset={name}", format="parquet", partitioning="hive", filesystem=s3)
    first = next(path for path in told if path.startswith(f"dataset={name}/"))
    file = pq.ParquetFile(f"{root}/{first}")
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    found[name] = {
        "duckdb_rows": one(f"select count(*) from {rows}")[0],
        "pyarrow_rows": dataset.count_rows(),
        "duckdb_types": {r[0]: r[1] for r in db.execute(f"describe select * from {rows}").fetchall()},
        "pyarrow_types": {f.name: str(f.type) for f in file.schema_arrow},
        "groups": [g.num_rows for g in groups],
        "compressions": sorted({g.column(c).compression for g in groups for c in range(g.num_columns)}),
        "metadata": {k.decode(): v.decode() for k, v in (file.metadata.metadata or {}).items() if k != b"ARROW:schema"},
        "days": [str(r[0]) for r in db.execute(f"select distinct date from {rows} order by 1").fetchall()] if "date=" in first else [],
    }
messages = f"read_parquet('{root}/dataset=messages/**/*.parquet')"
found["messages"]["sum"] = one(f"select sum(length(text)), min(epoch_us(sent_at)), max(epoch_us(sent_at)) from {messages}")
turns = ds.dataset(f"{place}/dataset=turns", format="parquet", filesystem=s3).to_table()
found["turns"]["sum"] = [pc.sum(turns["reply_seconds"]).as_py()]
found["clients"]["sum"] = one(f"select list_sort(list_distinct(flatten(list(tags)))) from read_parquet('{root}/dataset=clients/**/*.parquet')")
for path in told:
    if path.startswith("dataset=messages/"):
        table = pq.read_table(f"{root}/{path}", columns=["sent_at", "message_id"])
        keys = list(zip(table["sent_at"].cast("int64").to_pylist(), table["message_id"].to_pylist()))
        assert keys == sorted(keys), path
print(json.dumps({"manifest": {k: v for k, v in manifest.items() if k != "files"}, "files": files, "datasets": found}))
