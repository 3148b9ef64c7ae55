# platform-owned: changed by `copier update` only; see platform/README.md
"""What stands behind each code of a message: for `poe explain`, and for the page of the docs made from it."""

from building_block.contracts.explanations import CONTRACTS
from building_block.messages import Code, Explanation, Problem, ProblemError, nearest

EXPLANATIONS = {
    Code.INGEST_YAML: Explanation(
        what="An ingest file is not YAML, or YAML that could be read in two ways.",
        example=(
            "BB101 ingest/invoices.yaml:24: not YAML: did not find expected ',' or ']'; correct the indentation, "
            "quotes or brackets"
        ),
        why=(
            "Tabs, aliases, a key that stands twice or a second document make readers of YAML disagree. What a "
            "file declares must not depend on the reader."
        ),
        fix=(
            "Look at the line and the one before it: most often a quote or bracket is open, or a value with `: ` "
            "or `#` in it lacks quotes. Write spaces, not tabs, and write a repeated value out again instead of "
            "using `*alias`."
        ),
    ),
    Code.INGEST_KEY: Explanation(
        what="An ingest file has a key that nobody reads, or lacks one that it needs.",
        example="BB102 ingest/invoices.yaml:6 source.formt: unknown key `formt`; write `format`",
        why="A misspelt key that is ignored would leave its default in force, and nobody would see it.",
        fix=(
            "Take the name from the message, or from the reference of ingest keys. An editor that reads the "
            "schema in the file's first line completes the keys and marks wrong ones while you type."
        ),
    ),
    Code.INGEST_VALUE: Explanation(
        what="A key of an ingest file has a value that it cannot have.",
        example="BB103 ingest/invoices.yaml:9 source.when_missing: `ignore` is not a choice; write 'skip' or 'fail'",
        why=(
            "Nothing is converted or guessed: YAML itself turns `no` into false and `2010-12-01` into a date, and "
            "a column called No must not become False."
        ),
        fix=(
            "Write what the message says. Quote text that YAML would read as a number, date or yes/no, and every "
            'value with a comma inside of {…}: `type: "decimal(18,2)"`.'
        ),
    ),
    Code.INGEST_DUPLICATE_TABLE: Explanation(
        what="Two ingest files claim one table.",
        example=(
            "BB104 ingest/invoices_2011.yaml:1: table `invoices` is ingest/invoices.yaml's already; write another "
            "`table:`, or drop a file"
        ),
        why=(
            "A file's table is called as the file, unless `table:` says otherwise. Two sources that write one "
            "table would overwrite each other's rows."
        ),
        fix=(
            "Rename one of the files, or give one another `table:`. To join two sources, ingest each into a table "
            "of its own, and write a model in `dbt/models/staging/` that unites them."
        ),
    ),
    Code.INGEST_DUPLICATE_COLUMN: Explanation(
        what="An ingest file declares a column twice.",
        example=(
            "BB105 ingest/invoices.yaml:16 columns[1].name: column `INVOICENO` stands twice (also `InvoiceNo`; "
            "letter case does not count); keep one of the two"
        ),
        why="The warehouse does not tell names apart by letter case, so both columns cannot live in one table.",
        fix="Keep one of the two. If the landed file really has both, rename one where the file is written.",
    ),
    Code.LANDING_FOLDER: Explanation(
        what="The folder that a source reads is not there, or its variable is not set.",
        example=(
            "BB201 folder ${LANDING:-sample/retial}: `sample/retial` is not a folder; create it, or correct "
            "`folder` or the variable in it"
        ),
        why=(
            "A folder that is missing looks like a folder in which nothing has landed. Taken for that, a disk "
            "that is not mounted would pass as days without trade."
        ),
        fix=(
            "Mount or create the folder, correct `folder` in the ingest file, or set the variable: "
            "`LANDING=/mnt/landing poe build`. A relative folder begins at the project's root, wherever you "
            "stand."
        ),
    ),
    Code.LANDING_FILE_MISSING: Explanation(
        what="A file that must be there is not.",
        example=(
            "BB202 sample/retail/2010-12-02.csv: the file does not exist; land the file, or write `when_missing: "
            "skip` if a day may have none"
        ),
        why=(
            "The source says `when_missing: fail`, or several days are read in one run and one of them has lost "
            "its file: its rows of earlier must not vanish by that."
        ),
        fix="Land the file. If days without a file are normal, as on holidays, write `when_missing: skip`.",
    ),
    Code.LANDING_FILE_EMPTY: Explanation(
        what="A landed file has no content at all.",
        example=(
            "BB203 sample/retail/2010-12-02.csv: the file is empty; land it again; a day without rows is no file, "
            "or a file with its header line only"
        ),
        why=(
            "An export that broke off leaves an empty file. Read as no rows, it would replace a day's data by nothing."
        ),
        fix="Land the file again. For a day without rows land no file, or a file with the header line only.",
    ),
    Code.LANDING_FILE_BROKEN: Explanation(
        what="A landed file is cut off, or is not of the format that is declared.",
        example=(
            "BB204 sample/retail/2010-12-02.csv.gz: the gzip file is broken: Compressed file ended before the "
            "end-of-stream marker was reached; land it again, or correct `format`"
        ),
        why="Half of a file is no smaller delivery. Nothing of it is kept; the rows of its day stay as they were.",
        fix=(
            "Land the file again: write it under another name and rename it when it is whole. Correct `format`, "
            "or `sheet`, if the file is fine."
        ),
    ),
    Code.LANDING_ENCODING: Explanation(
        what="A landed file has bytes that are not text in the declared encoding.",
        example=(
            "BB205 sample/retail/2010-12-02.csv:2: byte 0xC9 is not utf-8; write `encoding: latin-1` under "
            "`source`, or export the file as UTF-8"
        ),
        why="Read in a wrong encoding, names turn into other letters, in silence and for ever.",
        fix=(
            "Ask whoever writes the file for UTF-8. If that can't be had, write the `encoding` that it has; the "
            "message guesses one from the first bytes that don't fit."
        ),
    ),
    Code.LANDING_ROW: Explanation(
        what=(
            "A row of a landed file is not a row: too many or too few fields, an open quote, a line that is not JSON."
        ),
        example=(
            "BB206 sample/retail/2010-12-02.csv:3: the row has 9 fields, the header has 8; quote values that "
            "contain `,`"
        ),
        why=(
            "Which field belongs to which column can only be guessed then. The first five such rows are named, "
            "and all are counted."
        ),
        fix=(
            "Correct what writes the file: values that contain the delimiter, a quote or a line break stand in "
            'quotes, and a quote inside of them is doubled: `"LANTERN, ""RED"""`. Or declare another `delimiter`.'
        ),
    ),
    Code.LANDING_TYPE: Explanation(
        what="A value does not fit the type of its column exactly.",
        example=(
            "BB207 sample/retail/2010-12-02.csv:3 Quantity: `six` does not fit `integer` exactly; correct the "
            "value, or write a wider `type` (`string` takes all) for `Quantity` in ingest/invoices.yaml"
        ),
        why=(
            "Databases round and cut such values without a word: 1.5 becomes 2, 2.555 becomes 2.56, a time zone "
            "is dropped. Here `17850.0` is a whole number, and what would lose something is refused."
        ),
        fix=(
            "Correct the value at its source. If it is right, declare a wider type; with `string` you ingest it "
            "as it is, and clean it in a staging model. Values of confidential columns are not shown."
        ),
    ),
    Code.LANDING_COLUMN_UNDECLARED: Explanation(
        what="A landed file has a column that the ingest file does not declare, or has one twice.",
        example=(
            "BB208 sample/retail/2010-12-02.csv:1 Colour: the file has a column `Colour` that "
            'ingest/invoices.yaml does not declare; write `- {name: "Colour", type: string}` under `columns`, or '
            "`undeclared_columns: ignore`"
        ),
        why=(
            "A new column may hold what must not spread, such as names of people, and a renamed one looks like a "
            "new one."
        ),
        fix=(
            "Declare the column; the table gains it with the next build, with nulls in older rows. Or write "
            "`undeclared_columns: ignore`: it is then left out, always."
        ),
    ),
    Code.LANDING_COLUMN_MISSING: Explanation(
        what="A landed file lacks a column that the ingest file declares.",
        example=(
            "BB209 sample/retail/2010-12-02.csv:1 Country: the file lacks the column `Country` that "
            "ingest/invoices.yaml declares; take it out of `columns`, or write `missing_columns: fill_with_null`"
        ),
        why=(
            "Columns are found by name. A column that is filled with nulls, because someone renamed it, empties "
            "every report below it."
        ),
        fix=(
            "If the column was renamed, declare the new name. If some files never have it, write "
            "`missing_columns: fill_with_null`. A file that has none of the columns is refused even then: most "
            "likely it lost its header line."
        ),
    ),
    Code.WAREHOUSE_LOCKED: Explanation(
        what="Another process has the warehouse open.",
        example=(
            "BB301 /home/ann/sales/data/warehouse.duckdb: process 4711 has held the warehouse for more than 60 s; "
            "close what has it open (a SQL client, a notebook, another run) and build again"
        ),
        why=(
            "DuckDB lets one process write, or many read. Runs of this project wait for each other; a SQL client "
            "that stays open is waited for a minute. A run that Dagster started, by itself or from the browser, then "
            "tries again every half minute, for about an hour."
        ),
        fix=(
            "Close the SQL client or notebook, or connect it read-only and only while you look. The number is the "
            "process's id; `ps -p 4711` says what it is."
        ),
    ),
    Code.WAREHOUSE_SCHEMA_CHANGED: Explanation(
        what="The columns or partitions of a table are not those that it was written with.",
        example=(
            "BB302 sales/raw/invoices Quantity: the type was INTEGER and is BIGINT now; cast it back, or start "
            "over: delete data/ and build again"
        ),
        why="The table holds days that the run does not write. Changing their columns below them could lose values.",
        fix=(
            "A raw table gains declared columns by itself. For a changed type, or partitions that come or go, "
            "delete `data/` and build again: the landed files hold all of it. An asset in Python may set metadata "
            "`on_schema_change` to `append_new_columns`."
        ),
    ),
    Code.WAREHOUSE_TABLE_MISSING: Explanation(
        what="A table that is to be read does not exist yet.",
        example=(
            'BB303 sales/marts/orders_cleaned: table "marts"."orders_cleaned" does not exist; materialize '
            "sales/marts/orders_cleaned first: `poe build marts/orders_cleaned`"
        ),
        why=(
            "An asset reads the tables of other assets. An empty frame in place of a missing one would look like data."
        ),
        fix=(
            "Build what is missing with the command of the message; `poe build +<asset>` builds an asset and all "
            "that it needs."
        ),
    ),
    Code.WAREHOUSE_TYPE_UNSUPPORTED: Explanation(
        what="A Python asset returns, or asks for, something that is not a table.",
        example=(
            "BB304 sales/ml/forecast: cannot store a builtins.list; return a pyarrow.Table, "
            "pyarrow.RecordBatchReader, polars.DataFrame, polars.LazyFrame or pandas.DataFrame"
        ),
        why=(
            "Data is handed over as Arrow, so that nothing is copied and no type is guessed. A list has neither "
            "columns nor types."
        ),
        fix=(
            "Return one of the types of the message, with its columns even when it has no rows. An asset that "
            "writes its result itself returns None."
        ),
    ),
    Code.WAREHOUSE_KEY: Explanation(
        what="An output that has no table's name is to be stored in the warehouse.",
        example=(
            "BB305 forecast: the asset key has 1 part(s) and must have three: domain, layer and name; write "
            '`key_prefix=["<domain>", "<layer>"], name="forecast"`'
        ),
        why="The key is the address: asset `sales/ml/forecast` is table `ml.forecast` in the warehouse of sales.",
        fix=(
            "Give the asset the `key_prefix` of the message. An op that is no asset stores nothing: give its "
            "output another `io_manager_key`."
        ),
    ),
    Code.WAREHOUSE_BROKEN: Explanation(
        what="The warehouse's file is not a DuckDB database.",
        example=(
            "BB306 /home/ann/sales/data/warehouse.duckdb: the file is not a DuckDB database; delete it and build "
            "again; the landed files hold all that was in it"
        ),
        why=(
            "A full disk, a broken copy or another program has overwritten it. The platform never deletes it by itself."
        ),
        fix="Delete the file, and `poe build`: everything in it is derived from the landed files.",
    ),
    Code.OWNERSHIP_DRIFT: Explanation(
        what="A file of the platform is not as it came: it was edited, deleted, moved, or made executable.",
        example=(
            "BB401 ruff.toml: the platform's file was edited; write `poe restore ruff.toml` and use its slot "
            "(platform/README.md), or `- {path: ruff.toml, reason: …, until: …}` below `exceptions:` in "
            "settings/exceptions.yaml"
        ),
        why=(
            "`copier update` brings the platform's files to a new version. An edit would conflict with that or be "
            "lost; with none, an update of a hundred projects needs nobody's hand."
        ),
        fix=(
            "`poe restore` brings the file back as the template has it at your version. What you wanted to set has a "
            "place of yours; the table in platform/README.md names it. Where there is no way but to edit the file, "
            "say so in `settings/exceptions.yaml`, with a reason and a day: updates then leave your content alone."
        ),
    ),
    Code.DERIVED_STALE: Explanation(
        what="A derived file is not what the platform's and your half make together.",
        example="BB402 dbt/generated/raw.yml:2: differs from what derives it; write `poe generate`",
        why=(
            "Derived files are committed so that every tool finds them. An edit in one of them would vanish with "
            "the next `poe generate`."
        ),
        fix=(
            "Write `poe generate` and commit the result. If you edited the file, write that into the file that "
            "its first line names."
        ),
    ),
    Code.SETTING_LOCKED: Explanation(
        what="A file in `settings/` sets what the platform decides.",
        example=(
            "BB403 settings/dbt_project.yml:1 models.sales.marts.+schema: the platform decides this key; remove it"
        ),
        why="Names, layers, and access and contract of what you publish are what other domains rely on.",
        fix=(
            "Remove the key. If your unit needs it otherwise, ask the platform team: it is their decision to "
            "change for all."
        ),
    ),
    Code.SETTING_SYNTAX: Explanation(
        what="A file in `settings/` cannot be read.",
        example=(
            "BB404 settings/dbt_project.yml:3: not YAML: expected ',' or '}', but got '<stream end>'; write valid YAML"
        ),
        why="Half of a file is not joined with the platform's: the derived file stays as it was.",
        fix="Correct the line, or the one before it. In a TOML file every key stands below a [table].",
    ),
    Code.DERIVED_TAKEN: Explanation(
        what="A file of yours stands where a page of a contract is to be written.",
        example=(
            "BB405 docs/contracts/orders.md:1: stands where the page of a contract belongs; move it out of "
            "docs/contracts/"
        ),
        why="What is derived is written anew at each change, and what a person wrote is never written over.",
        fix="Move the file to another folder, or rename it, and write `poe generate`.",
    ),
    Code.COLLISION: Explanation(
        what="A file, macro or test of yours has a place or a name that is kept for the platform's.",
        example=(
            "BB406 .github/workflows/platform-deploy.yml: has a name that is kept for the platform's workflows; rename "
            "it: without `platform-`"
        ),
        why=(
            "An update may bring a new file below `platform/`, a workflow `platform-…` or a macro `bb_…`. Were yours "
            "there already, the update would end in a conflict, or dbt in two macros of one name."
        ),
        fix=(
            "Move the file to a folder of yours, or rename it and what calls it. A file `platform/__init__.py` hides a "
            "module of Python's standard library from every program in the project: delete it."
        ),
    ),
    Code.MERGE: Explanation(
        what="An update, a merge or a rebase is half done.",
        example=(
            "BB407 README.md:1: conflict markers; keep what is right of the two parts, and delete the three lines"
        ),
        why=(
            "Copier and git leave both versions of a line in the file, or what they could not apply in a `.rej` beside "
            "it, and end as if all were well. Committed, that is text which no program reads."
        ),
        fix=(
            "Look at both parts, keep what is right and delete the lines `<<<<<<<`, `=======` and `>>>>>>>`. Of a file "
            "whose first line says platform-owned take the platform's: `poe restore <path>`. Delete `.rej` and "
            "`.orig`. A page that shows such markers on purpose indents them."
        ),
    ),
    Code.ANSWERS: Explanation(
        what="The file `.copier-answers.yml` is missing, or not what the platform's files were rendered with.",
        example=(
            "BB408 .copier-answers.yml:10 owner_team: the platform's files were rendered with `sales-data`, not with "
            '`shop-data`; write `owner_team: "sales-data"`; another one comes by `copier update --vcs-ref :current: '
            "--data owner_team=…`"
        ),
        why=(
            "An update compares the project with what these answers give at the old version. With others it takes the "
            "difference for an edit of yours, and without them it cannot begin."
        ),
        fix=(
            "Take the value that the message names, or the whole file from git, and commit it. To change an answer let "
            "copier do it, as the message says: it changes the answer and the files together."
        ),
    ),
    Code.REQUIREMENT: Explanation(
        what="The file `pyproject.toml` lacks what the platform needs of it.",
        example=(
            "BB409 pyproject.toml:4 project: `>=3.10` has Pythons that the platform does not support, as 3.10.0; write "
            '`requires-python = ">=3.11,<3.14"`'
        ),
        why=(
            "It is your file, and no update touches it. But the environment is made from it: the platform comes in as "
            "a dependency, from the folder `platform/` and no index, on the Pythons that its stack supports."
        ),
        fix="Write the line that the message names, then `uv lock`. Fewer Pythons than the platform's are fine.",
    ),
    Code.SETTING_IGNORED: Explanation(
        what="A setting stands where its tool does not look, or where it keeps the platform's from being read.",
        example=(
            "BB410 pyproject.toml:24: ruff reads ruff.toml alone; write it into src/ruff.toml, below "
            '`extend = "../ruff.toml"`'
        ),
        why="No tool says so: the setting has no effect, or the platform's have none any more, and nobody sees why.",
        fix="Move it to the slot that the message names, and write `poe generate`.",
    ),
    Code.EXCEPTIONS: Explanation(
        what="The file `settings/exceptions.yaml` cannot be read as exceptions.",
        example="BB411 settings/exceptions.yaml:2 exceptions[0].until: key `until` is missing; write `until: …`",
        why="An exception without a reason nobody can judge, and one without a day nobody would ever look at again.",
        fix=(
            "Each entry has the path of a platform file, a reason, and the day until which it holds: "
            "`- {path: ruff.toml, reason: …, until: 2027-01-31}`."
        ),
    ),
    Code.EXCEPTION_DUE: Explanation(
        what="A reminder: an exception is over, or excepts nothing.",
        example="BB412 settings/exceptions.yaml:2: ruff.toml is as the platform has it; remove the entry",
        why="A file that is excepted gets no fix of the platform's: that is for a time, and not by oversight.",
        fix=(
            "Take the platform's file back with `poe restore <path>` and remove the entry, or agree on a later day. "
            "It is a warning: no command fails for it."
        ),
    ),
    Code.EXCEPTION_LONG: Explanation(
        what="A platform file is excepted for more than a year.",
        example=(
            "BB413 settings/exceptions.yaml:2: ruff.toml is excepted until 2099-12-31; write a day within a year from "
            "now"
        ),
        why=(
            "What is excepted gets no fix of the platform's. An exception for good is a fork that nobody decided on; "
            "one with a day is looked at again, by then perhaps with a slot for it."
        ),
        fix=(
            "Write a day within a year. If you need the file otherwise for good, propose the change to the platform "
            "team: `poe propose <path>`. In its first minor version this only warns."
        ),
    ),
    Code.UPGRADE_TREE: Explanation(
        what="The project's repository is not in a state in which an update could be told from your own work.",
        example=("BB420 README.md: is not committed and 1 more; commit or `git stash --include-untracked` it first"),
        why=(
            "An update is one commit that holds nothing but the platform's files. It is prepared aside, from what is "
            "committed, and must not meet what is not."
        ),
        fix="Commit or stash what `git status` shows, check out a branch, and let another update end first.",
    ),
    Code.UPGRADE_VERSION: Explanation(
        what="The template cannot bring the project from the version that it has to the one that is asked for.",
        example=(
            "BB421 --to v9.9.9: the template has no version `v9.9.9`; write one of its releases; the newest are v0.1.0"
        ),
        why="An update goes from one release to a later one; what lies between is known only where both are.",
        fix=(
            "Write a release that the template has. A project that was stamped from a commit nobody has any more gets "
            "the release that it is nearest to as its `_commit` in `.copier-answers.yml`."
        ),
    ),
    Code.UPGRADE_ANSWERS: Explanation(
        what="The file of answers is missing or damaged, or a release refuses one of the answers in it.",
        example=(
            "BB422 .copier-answers.yml: the key `_commit` is missing; take it back: `git log -- .copier-answers.yml` "
            "shows the commits that have it"
        ),
        why="It says from where and from which release the project was stamped, and with which answers.",
        fix="Take the file back from an earlier commit. Answers are changed by `copier update --vcs-ref :current:`.",
    ),
    Code.UPGRADE_COLLISION: Explanation(
        what="A file of yours stands where the new release has one of its own.",
        example=(
            "BB423 platform/building_block/doctor.py: is a file of yours, and the new release has one there; move it "
            "out of the way, commit, and begin again; your file was not touched"
        ),
        why="New files of the platform come only below `platform/` or named `platform-…`, and never over yours.",
        fix="Move the file out of the platform's folder, or rename it, commit that, and write `poe update` again.",
    ),
    Code.UPGRADE_ENVIRONMENT: Explanation(
        what="The new release needs packages that are not installed here, and installing them failed.",
        example=(
            "BB424 platform/pyproject.toml: the new release needs humanize>=999, and installing failed: No solution "
            "found; install it here and begin again: `pip install 'humanize>=999'`"
        ),
        why="An update is taken only after the project was checked with the new release, and so with what that needs.",
        fix="Look why the installation failed: mostly the index cannot be reached, or your own pins exclude it.",
    ),
    Code.UPGRADE_FAILURES: Explanation(
        what="After the update `poe check` would find what it does not find before it.",
        example=(
            "BB425 v999.0.0: `poe check` would say the above, which it does not say with v0.1.0; nothing was "
            "changed; write `poe migrate`, which shows what the release asks of your own files and does it on request"
        ),
        why="What failed before is no fault of an update; what fails only after it would be yours to clear up.",
        fix=(
            "Read the messages above it. Write `poe migrate`, and `poe migrate --apply` if you agree; put right by "
            "hand what is left, commit, and write `poe update` again."
        ),
    ),
    Code.UPGRADE_VERIFY: Explanation(
        what="An update would not have left your own files as they are, or the platform's not as they are rendered.",
        example=(
            "BB426 README.md: is the unit's own and was changed; nothing was changed in your project; tell the "
            "platform team"
        ),
        why="The verifier looks at each update before it is taken, since nobody reads a hundred files of a diff.",
        fix="Nothing is to be done in the project. The platform team gets the message and the release.",
    ),
    Code.UPGRADE_GIT: Explanation(
        what="Git could not do what was asked of it, most often because the template cannot be reached.",
        example=(
            "BB427 /srv/template: the template cannot be fetched: fatal: repository '/srv/template' does not exist; "
            "look whether you can reach and read it; where it has moved, write `poe update --from <its new URL>`"
        ),
        why="Each update fetches the template anew, so that always the newest updater is at work.",
        fix="Do what git says. Where the template has moved, name its new URL once: it is recorded then.",
    ),
    Code.UPGRADE_PATH: Explanation(
        what="A path is not one that the command is about.",
        example="BB428 rufff.toml: is no file of the platform; write ruff.toml",
        why="`restore` and `propose` are about the platform's files, `add` about seeds that the project does not have.",
        fix="Take the path from the message. `poe add` without a name lists the seeds.",
    ),
    Code.ADOPT_PROJECT: Explanation(
        what="A project cannot be adopted as it is, or what it is to be called is not answered.",
        example=(
            "BB430 .copier-answers.yml: is there: the project has the building block already; write `poe update` in it"
        ),
        why=(
            "One project of the platform is one dbt project of one unit, committed in git, and stamped once. Its "
            "answers decide its name everywhere."
        ),
        fix=(
            "Do what the message says. What a question means stands in the reference of questions; write the answers "
            "with `--data` or into a file that `--data-file` names."
        ),
    ),
    Code.ADOPT_TAKEN: Explanation(
        what="A file of yours stands where the platform has one of its own, or where a tool reads it before that.",
        example=(
            "BB431 ruff.toml: stands where the platform has a file of its own; write `git mv ruff.toml src/ruff.toml`, "
            "changed as the patch shows"
        ),
        why=(
            "Every path has one owner, and no adoption overwrites a file. What yours says has a place of its own, "
            "which is read besides the platform's."
        ),
        fix=(
            "Run the commands that `python -m upgrade adopt` prints, look at the commit that they make, and list "
            "again. The table of settings in `platform/README.md` names each file's slot."
        ),
    ),
    Code.ADOPT_PYPROJECT: Explanation(
        what="Your pyproject.toml lacks a line that the platform needs, or has one that would put a tool off.",
        example=(
            'BB432 pyproject.toml: does not depend on the platform\'s package; write `"building-block"` into '
            "`dependencies` of [project]"
        ),
        why=(
            "The file is yours for good, so the platform can only ask for the lines by which it is installed. Two pins "
            "that no version meets make the project uninstallable, and a table such as `[tool.poe]` hides a file of "
            "the platform's from its tool."
        ),
        fix="Apply the patch that is printed, or write the lines by hand; then list again.",
    ),
    Code.ADOPT_NAME: Explanation(
        what="Two things would have one name: a macro or test of yours and one of the platform, or two models.",
        example=(
            "BB433 macros/keys.sql: the platform has a test `bb_unique_together`, and of two of a name dbt takes none; "
            "call it own_unique_together, there and where it is used, as the patch does"
        ),
        why=(
            "The platform's macros lie beside yours in one dbt project, and a model's name is its table's and its "
            "asset's. The prefix `bb_` is the platform's, so that no later release meets a name of yours."
        ),
        fix="Run the printed commands, which rename yours wherever it is used, or rename it by hand.",
    ),
    Code.ADOPT_LAYER: Explanation(
        what="A model lies in no layer, or says otherwise than by its folder in which schema it is built.",
        example=(
            "BB434 models/shop_days.sql: lies in no layer of dbt/models/; by its lack of a telling name marts; write "
            "`git mv models/shop_days.sql dbt/models/marts/shop_days.sql`"
        ),
        why="Folder, schema and group in the graph are one name, the layer's. A model's name and folder say which.",
        fix=(
            "Run the printed commands, or move a model into the layer that you think right: what lies in a layer of "
            "dbt/models/ is not asked again."
        ),
    ),
    Code.ADOPT_DBT: Explanation(
        what="Something of your dbt project goes on otherwise than before.",
        example=("BB435 dbt/seeds: seeds stay seeds, in the schema raw; let ref() name them, as it does"),
        why=(
            "It does not keep the project from being adopted, but may surprise whoever looks for a table where it was, "
            "or waits for one that nobody fills."
        ),
        fix="Do what the message says when you get to it.",
    ),
    Code.PROJECT_NOT_FOUND: Explanation(
        what="The platform's package runs from somewhere else than a project's folder `platform/`.",
        example=(
            "BB501 /home/ann/.venv/lib: building_block is not installed from a project's folder platform/; write "
            "`uv sync`, or `pip install -e platform -e .`, in the project's folder"
        ),
        why="The package finds the project by where it lies. A copy in an environment belongs to no project.",
        fix="Install it from its path, as the message says: both paths in one command, with `-e` before each.",
    ),
    Code.DBT_PARSE: Explanation(
        what="dbt cannot read the models.",
        example=(
            "BB502 dbt/models/marts/orders_late.sql: Compilation Error Model 'model.sales.orders_late' "
            "(models/marts/orders_late.sql) depends on a node named 'orders_cleand' which was not found; put that "
            "right and build again"
        ),
        why="The graph comes from the models: as long as one cannot be read, nobody knows what depends on what.",
        fix=(
            "Most often a `ref` or `source` is misspelt, its file is missing, or a bracket of Jinja is open. The "
            "text after the file is dbt's own."
        ),
    ),
    Code.SELECTION_UNKNOWN: Explanation(
        what="A name on the command line is no asset, no layer and no code, or is that of several.",
        example="BB503 poe build: `orders_cleand` selects no asset; write orders_cleaned",
        why="A build of nothing would end well and look as if all were done.",
        fix=(
            "Take the name from the message, or from the graph: `poe start`. `marts/orders_cleaned` names one "
            "asset, `marts` a layer, `+marts/orders_cleaned` an asset with all that it needs."
        ),
    ),
    Code.BUILD_FAILED: Explanation(
        what="Python code of an asset raised an error.",
        example=(
            "BB504 src/sales/defs/forecast.py:7: ZeroDivisionError: division by zero; put that "
            "line right and build again"
        ),
        why="The asset keeps the table that it had, and what reads it is not built on half of a result.",
        fix="The message names the line. `poe start` shows the whole traceback in the run.",
    ),
    Code.DBT_MODEL_FAILED: Explanation(
        what="The warehouse refused a model's SQL.",
        example=(
            "BB505 dbt/models/marts/orders_late.sql: Runtime Error in model orders_late "
            '(models/marts/orders_late.sql) Binder Error: Referenced column "invoiced_on" not found in FROM '
            'clause! Candidate bindings: "invoiced_at", "invoice_number", "stock_code", "is_cancelled", '
            '"unit_price" LINE 10: select invoiced_on from "warehouse"."marts"."orders_cleaned" ^; put the SQL '
            "right and build again"
        ),
        why="The table stays as it was, and what reads it is not built.",
        fix=(
            "The text is the database's own: a column that is not there, a type that does not fit, a published "
            "column that differs from its declared `data_type`. `data/logs/` has the SQL as it was sent."
        ),
    ),
    Code.DBT_TEST_FAILED: Explanation(
        what="A test of a dbt model found rows that should not be.",
        example=(
            "BB506 dbt/models/marts/orders_rejected.yml: test unique_orders_rejected_rejection_reason: Got 1 "
            "result, configured to fail if != 0; look at the rows with the SQL in "
            "dbt/target/dbt-1a2b3c4-5d6e7f8/compiled/sales/models/marts/orders_rejected.yml/unique_orders_rejected_rejection_reason.sql"
        ),
        why="What fails its test is not passed on: nothing that reads the model is built until the test passes.",
        fix=(
            "Run the SQL of the message to see the rows, then put the data, the model or the test right. A test "
            "that shall only be told has `config: {severity: warn}`."
        ),
    ),
    Code.ASSET_KEY: Explanation(
        what="A Python asset's key is not domain, layer and name.",
        example=(
            "BB507 src/sales/defs: the asset key forecast is not sales/<layer>/<name>; write "
            '@dg.asset(key_prefix=["sales", "<layer>"], group_name="<layer>")'
        ),
        why="Dagster shows the assets of all domains in one graph, and there equal keys become one asset.",
        fix="Write the `key_prefix` of the message, with a layer of your choice: `ml`, `reporting`, or one of dbt's.",
    ),
    Code.DBT_LAYER: Explanation(
        what="A model lies in no layer, or sets what its folder decides.",
        example=(
            "BB508 dbt/models/gold/best_day.sql: the model lies in no layer; move it into one of "
            "dbt/models/staging/, dbt/models/intermediate/, dbt/models/marts/, dbt/models/published/"
        ),
        why="One name everywhere: the folder is the layer, the schema of the table and the group in the graph.",
        fix="Move the file, or remove `schema`, `contract` or `access` from it. Folders within a layer are yours.",
    ),
    Code.CHECK_FAILED: Explanation(
        what="An asset check in Python did not pass.",
        example=(
            "BB509 marts/daily_order_summary: check revenue_is_positive: 3 days have no revenue; put the data or "
            "the check right and build again"
        ),
        why=(
            "A check with severity ERROR says that the data is not to be used. What reads the asset is not built "
            "until it passes."
        ),
        fix=(
            "Put the data or the check right. A check that shall only be told returns "
            "`severity=dg.AssetCheckSeverity.WARN`."
        ),
    ),
    Code.DEFINITIONS: Explanation(
        what="The project's Python cannot be loaded.",
        example=(
            "BB510 src/sales/defs/forecast.py:2: ModuleNotFoundError: No module named 'prophet'; put that right "
            "and try again"
        ),
        why="The graph is all that the files define together; with a file missing it would be another graph.",
        fix="The message names the line. A module that is not found belongs into `dependencies` in `pyproject.toml`.",
    ),
    Code.PARTITIONS: Explanation(
        what="A partitioned asset reads one whose partitions have other names.",
        example=(
            "BB511 src/sales: reporting/weekly_report has other partitions than what it reads; materialise it in "
            "the browser, `poe start`: `poe build` goes partition by partition of one name"
        ),
        why=(
            "`poe build` gives an asset the partitions of the same names that have data; a mapping between others "
            "is for Dagster to follow."
        ),
        fix=(
            "Materialise the asset in the browser: `poe start`. Or leave its partitions out: it then reads the "
            "whole table."
        ),
    ),
    Code.DOMAIN_NAME: Explanation(
        what="The answer `domain_name` is not the name that the project was stamped with.",
        example=(
            "BB512 platform/domain.toml: the domain is called sales and has no folder src/sales; take the old "
            "name back: `copier update --vcs-ref :current: --data domain_name=<old name>`"
        ),
        why=(
            "The name is the Python package, the dbt project and the first part of every asset's key. The files "
            "that carry it are yours, so no update can rename them."
        ),
        fix=(
            "Take the old name back with the command of the message. For another name stamp a new project, and "
            "move your files there."
        ),
    ),
    Code.TOOL_MISSING: Explanation(
        what="A hook found no environment of the project that has its tool.",
        example=(
            "BB513 /home/ann/sales: no environment of the project has typos; write `uv sync` or `pixi install` in "
            "that folder"
        ),
        why="Hooks run the tools of the project's own environment, so that each clone and CI judge alike.",
        fix=(
            "Write the command of the message once in each clone, and again after an update of the platform. `.venv` "
            "and `.pixi` of the project are looked into first, then the environment on `PATH` if this project was "
            "installed into it. A tool from elsewhere is not taken: it may be of another version."
        ),
    ),
    Code.NO_REPOSITORY: Explanation(
        what="`poe lint` was called in a folder that is not the root of a git repository.",
        example=(
            "BB514 /home/ann/sales: is no git repository, and hooks see only what git sees; write `git init` in that "
            "folder"
        ),
        why="Lint runs the hooks of a commit; what git ignores, such as the warehouse, is none of their business.",
        fix=(
            "Write `git init` in the project's folder; it need not have a commit yet. A project that lies inside of "
            "another repository is moved out of it: there no hook, workflow or code owner of the project is found."
        ),
    ),
    Code.MODEL_RULE: Explanation(
        what="A model breaks a rule of its layer: its name, its description, the test of its key, or what it reads.",
        example=(
            "BB515 dbt/models/intermediate/int_hasty.sql: `int_hasty` references upstream models that are not "
            "permitted: ['orders_cleaned']; let an intermediate model read staging and intermediate ones only, or "
            "except it in its .yml: "
            "`config: {meta: {dbt-bouncer: {skip_checks: [check_lineage_permitted_upstream_models]}}}`"
        ),
        why=(
            "Who knows one project then knows all of them, and what is published stands on tables that were cleaned "
            "and tested."
        ),
        fix=(
            "Do what the message says. A model that a rule cannot hold for names the rule in its `.yml`, below "
            "`- name: <model>`, with the reason as a comment; the message has the line to write. A rule of a newer "
            "platform holds for older models, too. All rules stand in `platform/dbt-bouncer.yml`."
        ),
    ),
    Code.DBT_FRESHNESS: Explanation(
        what="A model's `freshness` is not a span of hours or days.",
        example=(
            "BB530 dbt/models/marts/daily_order_summary.sql config.meta.freshness: `1 week` is not a span of hours or "
            "days; write hours as `36h` or days as `2d`"
        ),
        why="A table that nobody watches looks fresh for ever, and whoever wrote the span believes that it is watched.",
        fix=(
            "Write `config: {meta: {freshness: 2d}}` in the model's `.yml`. The value can also stand in the model "
            "itself or, for a whole folder, in `settings/dbt_project.yml`; the file of the message is the model's."
        ),
    ),
} | CONTRACTS


def explanation(text: str) -> tuple[Code, Explanation]:
    """Return the code that ``text`` names, in any case of letters, with its explanation.

    Raises:
        ProblemError: there is no such code; the message names the nearest.
    """
    try:
        code = Code(text.upper())
    except ValueError:
        what, write = f"`{text}` is no code of a message", f"write {nearest(text.upper(), Code)}"
        raise ProblemError(Problem(Code.SELECTION_UNKNOWN, "poe explain", what, write)) from None
    return code, EXPLANATIONS[code]
