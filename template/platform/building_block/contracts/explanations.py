# platform-owned: changed by `copier update` only; see platform/README.md
"""What stands behind the codes of messages about contracts."""

from building_block.messages import Code, Explanation

CONTRACTS = {
    Code.CONTRACT_YAML: Explanation(
        what="A contract is not YAML, or YAML that could be read in two ways.",
        example=(
            "BB601 contracts/orders.odcs.yaml:34: not YAML: did not find expected ',' or ']'; correct the "
            "indentation, quotes or brackets"
        ),
        why=(
            "Others rely on what a contract says, so it must say the same to every reader: no tabs, no aliases, one "
            "document, no number beyond what a column can hold."
        ),
        fix=(
            "Look at the line and the one before it: most often a quote or bracket is open, or a value with `: ` or "
            "`#` in it lacks quotes."
        ),
    ),
    Code.CONTRACT_SCHEMA: Explanation(
        what="A contract does not keep the Open Data Contract Standard, or is not about one table with columns.",
        example="BB602 contracts/orders.odcs.yaml:6 statsu: unknown key `statsu`; write `status`",
        why=(
            "A key that nobody knows promises nothing, and who wrote it believes that it does. One contract is about "
            "one port, so that each port has a version of its own."
        ),
        fix=(
            "Take the name from the message, or from the reference of contracts. What the standard has no key for "
            "goes under `customProperties`."
        ),
    ),
    Code.CONTRACT_VALUE: Explanation(
        what="A length of time in a contract cannot be read, or is promised twice.",
        example=(
            "BB603 contracts/orders.odcs.yaml:72 slaProperties[0].unit: `m` is no unit of time; write `unit: d`, or "
            "one of h, w, month, y"
        ),
        why=(
            "By retention rows are deleted and by frequency people are called: nothing of that is guessed. To some "
            "`m` is a month and to others a minute."
        ),
        fix="Write a whole number as `value`, and one of h, d, w, month, y as `unit`.",
    ),
    Code.CONTRACT_TYPE: Explanation(
        what="A column of a contract has no type that the warehouse has, or two that do not go together.",
        example=(
            "BB604 contracts/orders.odcs.yaml:60 schema[0].properties[7].physicalType: unknown type `money`; write a "
            "type of DuckDB, such as varchar, bigint, decimal(18,2), double, boolean, date or timestamp"
        ),
        why=(
            "The types are enforced when dbt builds the model, and readers declare their own tables by them. A "
            "number may be exact or not, so `logicalType: number` alone decides nothing."
        ),
        fix=(
            "Write `logicalType`, and `physicalType` beside it where the message asks for one. DuckDB's names of "
            "types are meant, in any case of letters."
        ),
    ),
    Code.CONTRACT_VERSION: Explanation(
        what="The version of a contract is not three numbers.",
        example=(
            "BB605 contracts/orders.odcs.yaml:5 version: `1.0` is not a semantic version; write three numbers: "
            "`version: 1.0.0`"
        ),
        why=(
            "The first number names the folder that readers read, and what changed in a contract decides which of "
            "the three has to rise."
        ),
        fix=(
            "Write `version: 1.0.0`. Raise the first number when a reader could break, the second when something is "
            "added, the third for words."
        ),
    ),
    Code.CONTRACT_RULE: Explanation(
        what="A rule of a contract cannot be asked of the data: it names what is not there, or is not one question.",
        example=(
            "BB606 contracts/orders.odcs.yaml:69 schema[0].quality[0].query: the query names the column `amuont`, "
            "which is not there; write amount"
        ),
        why=(
            "A rule that cannot be asked would be found out at night, when data is published, or never. So each is "
            "asked of an empty table when the contract is read, by a DuckDB that reaches no file and no network."
        ),
        fix=(
            "Do what the message says. A query is one SELECT that returns one value and reads `{object}`, which is "
            "the contract's own table, and nothing else. Try it on the port's table: `FROM published.<port>`."
        ),
    ),
    Code.CONTRACT_PORT: Explanation(
        what="Contracts and published models are not one to one.",
        example=(
            "BB607 dbt/models/published/late_orders.sql:1: the model is published without a contract; begin it by "
            "`poe contracts draft late_orders`"
        ),
        why=(
            "What is published without a contract is used all the same, and then cannot be changed any more; a "
            "contract without a model promises what nobody gives."
        ),
        fix=(
            "A port has one name: that of its model in `dbt/models/published/`, of its file "
            "`contracts/<port>.odcs.yaml` and of the table in it. Write the file that is missing, or give the three "
            "one name. `poe contracts draft <port>` writes of a contract what the model says already."
        ),
    ),
    Code.CONTRACT_COLUMN: Explanation(
        what="The columns of a published model are not those of its contract.",
        example=(
            "BB608 dbt/models/published/orders.sql units: the column is INTEGER and contracts/orders.odcs.yaml "
            "promises BIGINT; write `cast(units as bigint) as units`"
        ),
        why="Readers were promised names and types. What was published before stays valid until the model keeps them.",
        fix=(
            "Correct the model when it is wrong, or the contract when the change is meant; a column that goes or "
            "changes its type needs a new major version."
        ),
    ),
    Code.CONTRACT_BROKEN: Explanation(
        what="The data that was to be published breaks a rule of its contract.",
        example=(
            "BB609 contracts/orders.odcs.yaml:66 schema[0].quality[0]: rule cancellations_are_not_positive: What was "
            "cancelled was paid back. 12 measured; allowed: exactly 0; put right what the model reads, or the model; "
            "what was published before stays valid"
        ),
        why=(
            "Readers rely on the rule. The new data is not published, the last good version stays readable, and what "
            "depends on the port does not run."
        ),
        fix=(
            "Look at the rows that break it: the candidate is the view `candidate.<port>` of the warehouse. Correct "
            "the model or its source. A rule that proves too strict is a change of the contract; `severity: warning` "
            "lets data pass and tells all the same."
        ),
    ),
    Code.MASKING_KEY: Explanation(
        what="A contract masks a column by hash, and there is no key, or a short one.",
        example=(
            "BB610 BUILDING_BLOCK_MASKING_KEY: a contract masks by hash, and the target bigquery has no key; set the "
            "secret BUILDING_BLOCK_MASKING_KEY where the target runs: `openssl rand -hex 32`, once for all time"
        ),
        why=(
            "A hash without a key is undone by hashing all e-mail addresses there are. A laptop makes itself a key "
            "that git ignores; everywhere else the key is a secret that must not change, or yesterday's hashes fit "
            "no longer."
        ),
        fix=(
            "Let who runs the target set the secret of the message's name. Never write a key into a file of the "
            "project."
        ),
    ),
    Code.CONTRACT_OWNER: Explanation(
        what="A contract does not say which team owns the port.",
        example="BB611 contracts/orders.odcs.yaml:2 team: nobody owns the port; write `team: {name: <team>}`",
        why="Who meets wrong data has to know whom to ask, and a change of the owner has to be agreed upon.",
        fix=(
            "Write `team: {name: <team>}` with the team's handle. A member with `role: owner` and an e-mail address "
            "as `username` is named as the owner as well."
        ),
    ),
    Code.CONTRACT_CLASSIFICATION: Explanation(
        what="A column of a contract has none of the house's four classes.",
        example=(
            "BB612 contracts/orders.odcs.yaml:32 schema[0].properties[2].classification: `secret` is no class of the "
            "house; write `classification:` with one of public, internal, confidential, restricted"
        ),
        why="Who may read a port follows from its highest class, and an unknown class is not higher than any other.",
        fix=(
            "Write one of the four. When in doubt write the higher one: to lower a class later is a decision of its "
            "own."
        ),
    ),
    Code.CONTRACT_RETENTION: Explanation(
        what="A contract does not say how long a row is kept.",
        example=(
            "BB613 contracts/orders.odcs.yaml:71 slaProperties: the contract does not say how long a row is kept; "
            "write `slaProperties: [{property: retention, value: 10, unit: y, element: order_date}]`"
        ),
        why="Data that may be kept for ever is kept for ever. The scheduled deletion goes by this line alone.",
        fix=(
            "Write the line of the message with the time that your retention policy gives, and as `element` the date "
            "or timestamp that a row's age counts from."
        ),
    ),
    Code.CONTRACT_PII: Explanation(
        what="A column of personal data is not marked as such, or has too low a class.",
        example=(
            "BB614 contracts/orders.odcs.yaml:32 schema[0].properties[2].classification: `customer_id` is personal "
            "data and only internal; write `classification: confidential`, or a higher class"
        ),
        why=(
            "Masking and access follow from the tag `pii` at the column. Masked data is personal data still: who "
            "holds the key can tell whose it is."
        ),
        fix=(
            "Write `tags: [pii]` in small letters at the column itself, and `classification: confidential` or "
            "`restricted` beside it. A field inside of a column cannot be masked: write it as a column of its own."
        ),
    ),
    Code.CONTRACT_MASKING: Explanation(
        what="A contract does not say how a column of personal data is masked, or says what cannot be done.",
        example=(
            "BB615 contracts/orders.odcs.yaml:35 schema[0].properties[2].customProperties[0]: `md5` is no masking; "
            "write one of hash, nullify, truncate, none"
        ),
        why="Whether a person can be told from what is published is decided once, in writing, and not by a default.",
        fix=(
            "Write `customProperties: [{property: masking, value: hash}]`. `hash` keeps equal values equal, "
            "`nullify` empties the column, `truncate` keeps the first `maskingLength` characters or of a date the "
            "year. `none` publishes the column as it is and takes the reason as its `description`."
        ),
    ),
    Code.CONTRACT_DESCRIPTION: Explanation(
        what="The table of a contract, or one of its columns, is not described.",
        example=(
            "BB616 contracts/orders.odcs.yaml:36 schema[0].properties[3]: the column `country` has no description; "
            "write `description: …`"
        ),
        why="Readers have the description and nothing else; they cannot look into the model.",
        fix="Say in a sentence what a value means, with its unit; of the table, what one row is.",
    ),
    Code.CONTRACT_KEY: Explanation(
        what="A contract names no key by which rows are told apart, or no rule holds for it.",
        example=(
            "BB617 contracts/orders.odcs.yaml:12 schema[0]: the table has no key; write `primaryKey: true` at the "
            "column that tells its rows apart"
        ),
        why="A reader joins by the key. If it repeats or is empty, every figure that comes of the join is wrong.",
        fix=(
            "Write `primaryKey: true` and `required: true` at the column, or at several with `primaryKeyPosition`. "
            "That none repeats is then checked at each publication."
        ),
    ),
    Code.CANDIDATE_FAILED: Explanation(
        what="The SQL of a published model fails over the data that it reads, as a cast of a text that is no number.",
        example=(
            "BB618 dbt/models/published/orders.sql: the model's SQL fails over the data it reads: ConversionException, "
            "about a value that is not shown; put the SQL right; `FROM candidate.orders` in a SQL client of the "
            "warehouse shows the value"
        ),
        why=(
            "What was published before stays valid. DuckDB quotes the value, no mask has seen it yet, and Dagster "
            "would keep the message: so it is not shown."
        ),
        fix=(
            "Open the warehouse in a SQL client and ask `FROM candidate.<port>`: DuckDB says which value it is. Clean "
            "it in staging, or write `try_cast` where an empty field is as good."
        ),
    ),
    Code.CONTRACT_REF: Explanation(
        what="`poe contracts gate` or `poe impact` cannot read the project as it was.",
        example=(
            "BB620 --against mian: `mian` is no commit of this clone; write a branch, tag or commit that `git log` "
            "shows"
        ),
        why="Whether a version was raised enough, and what a change does, shows beside what was before, which git has.",
        fix=(
            "Name a branch, tag or commit of the clone: on a branch of yours that is `main`, or `origin/main` after "
            "`git fetch`. A workflow's clone ends at the newest commit unless `actions/checkout` has `fetch-depth: 0`."
        ),
    ),
    Code.CONTRACT_BUMP: Explanation(
        what="A contract has changed by more than its version says.",
        example=(
            "BB621 contracts/orders.odcs.yaml:5 version: 1.0.0 after 1.0.0 at HEAD is too little, for this is a major: "
            "column country is removed; write `version: 2.0.0`"
        ),
        why=(
            "Those who read a port see of a change its version and no more. A major is published beside the one "
            "before it, so that nothing breaks under them."
        ),
        fix=(
            "Write the version that the message names, or take the change back. The reference of contract changes "
            "lists what is a major, a minor and a patch."
        ),
    ),
    Code.CONTRACT_APPROVAL: Explanation(
        what="A change of a contract lowers what compliance relies on, and compliance has not approved it.",
        example=(
            "BB622 contracts/orders.odcs.yaml:34 schema[0].properties[2].customProperties: masking of customer_id "
            "from hash to none since HEAD, which compliance has not approved; take it back, or write `- {port: "
            "orders, version: 2.0.0, what: masking of customer_id from hash to none, reason: …, date: 2026-11-21}` "
            "below `approvals:` in contracts/approvals.yaml, which the compliance team reviews"
        ),
        why=(
            "A raised version warns those who read the data. Whether more of a person may be shown, for longer, is "
            "not theirs to decide, nor the author's."
        ),
        fix=(
            "Take the change back, or write the entry of the message into `contracts/approvals.yaml` with a reason. "
            "The team that owns that file in `.github/CODEOWNERS` is then asked to review it. An entry is good for "
            "one change of one port with one version."
        ),
    ),
    Code.CONTRACT_REMOVED: Explanation(
        what="A contract is deleted or renamed, and nobody was told before.",
        example=(
            "BB623 contracts/orders.odcs.yaml: the port is active at HEAD and gone now; a port renamed is another "
            "port; bring it back with `status: retired` as a major and delete it after that; or write `- {port: "
            "orders, version: 1.0.0, what: port removed, reason: …, date: 2026-11-21}` below `approvals:` in "
            "contracts/approvals.yaml, which the compliance team reviews"
        ),
        why="A port that is gone has no version left that could tell it to those who read it.",
        fix=(
            "Bring the contract back with `status: retired` as a major, and delete it in a later change. To rename a "
            "port, publish the new one beside it first. What has to go at once needs the approval of compliance."
        ),
    ),
    Code.CONTRACT_APPROVALS: Explanation(
        what="The file of approvals cannot be read.",
        example=("BB624 contracts/approvals.yaml:2 approvals[0].reason: key `reason` is missing; write `reason: …`"),
        why="An approval that nobody can read approves nothing, and it is kept as the record of who allowed what.",
        fix=(
            "Write each entry as the message of BB622 has it: `port`, `version`, `what` word by word, `reason` and the "
            "day as `date`."
        ),
    ),
    Code.CONTRACT_UNREADABLE: Explanation(
        what="A contract was faulty before the change, so nothing can be compared with it.",
        example=(
            "BB625 contracts/orders.odcs.yaml:1: nothing can be compared, for at HEAD the contract is faulty: BB602 "
            "HEAD:contracts/orders.odcs.yaml:24 schema[0].properties[1].logicalType: `dat` is not a choice; write "
            "date; write `- {port: orders, version: 1.0.0, what: unreadable before, reason: …, date: 2026-11-21}` "
            "below `approvals:` in contracts/approvals.yaml, which the compliance team reviews"
        ),
        why="A class lowered or a mask taken off in the same change would go unseen.",
        fix=(
            "Compare with an earlier commit, whose contract was sound, to see what has changed. Then ask compliance "
            "for the approval that the message names."
        ),
    ),
    Code.SAMPLE_VALUES: Explanation(
        what="A sample of a contract was asked for, and a column has too few values that the contract allows.",
        example=(
            "BB630 contracts/daily_orders.odcs.yaml:15 schema[0].properties[0]: `order_date` never repeats, and 31 "
            "different values were found for 1000 rows; ask for at most 31 rows by --rows"
        ),
        why="A made-up row would break a rule of the contract, and a sample keeps them all.",
        fix=(
            "Ask for fewer rows. Where no value was found at all, the rules of the column contradict each other, or "
            "its pattern is one of which no text can be made: write `examples:` of its values, or say how it follows "
            "from other columns: `customProperties: [{property: sampleExpression, value: <SQL>}]`."
        ),
    ),
    Code.SAMPLE_RULE: Explanation(
        what="Rows that are made up of a contract's columns do not keep one of its rules.",
        example=(
            "BB631 contracts/daily_orders.odcs.yaml:61 schema[0].quality[0]: the sample does not keep the rule "
            "net_is_gross_less_cancelled: Net revenue is gross less cancelled revenue, to the penny. 1000 measured; "
            "allowed: exactly 0; say how a column of it follows from the others: `customProperties: [{property: "
            "sampleExpression, value: <SQL>}]`"
        ),
        why=(
            "What a rule of own SQL says of several columns cannot be read out of the SQL. A sample that breaks it "
            "would mislead whoever develops with it."
        ),
        fix=(
            "Write at one of the columns how a sample derives it, as SQL over the others: `customProperties: "
            "[{property: sampleExpression, value: gross_revenue - cancelled_revenue}]`. It changes samples only, "
            "nothing that is published."
        ),
    ),
    Code.DATA_FILE: Explanation(
        what="A file that was named for `poe contracts check` or `poe contracts sample` cannot be read or written.",
        example=(
            "BB632 export/orders.parquet: there is no such file; name a parquet file or a pattern of such, a CSV file, "
            "or a table as `marts.orders`"
        ),
        why="Without the file nothing can be said about its data.",
        fix=(
            "Look at the path, which counts from the project's root: poe runs there. Put a pattern in quotes, so that "
            "the shell leaves it as it is."
        ),
    ),
    Code.RETENTION_PLACE: Explanation(
        what="A retention names a table or a column that is not there or no date, or that another one names otherwise.",
        example=(
            "BB640 contracts/orders.odcs.yaml:72 slaProperties[0].element: retention counts from "
            "raw.invoices.InvoiceNo, "
            "which is string in ingest/invoices.yaml; write raw.invoices.InvoiceDate"
        ),
        why=(
            "By these names rows are deleted. A name that is wrong would keep rows for ever, and of two times for one "
            "table nobody could say which holds."
        ),
        fix=(
            "Write as `element` the port's own column and, after commas, each table of the warehouse where its rows "
            "lie, "
            "too, with the date or timestamp that a row's age counts from there: `orders.order_date, "
            "raw.invoices.InvoiceDate`. Of several contracts that read one table let one name it."
        ),
    ),
    Code.RETENTION_TABLE: Explanation(
        what="The warehouse lacks the table or the column that a retention counts from, or it cannot be emptied.",
        example=(
            "BB641 contracts/orders.odcs.yaml:72 slaProperties[0].element: the warehouse has no table "
            "marts.orders_cleand; write marts.orders_cleaned, or build it"
        ),
        why=(
            "Tables of dbt and Python are known only in the warehouse. What is past its retention elsewhere has been "
            "removed, but of this table nobody knows it."
        ),
        fix=(
            "Correct the name in the contract's `element`, or build the table. Of a view name the table that it reads: "
            "the rows lie there. A column that is emptied must not be under the constraint `not_null`."
        ),
    ),
    Code.RETENTION_PERSONAL: Explanation(
        what="Personal data is to be emptied after its retention, and nothing says which, or it may not be empty.",
        example=(
            "BB642 contracts/daily_orders.odcs.yaml:71 slaProperties[0].element: rows of published.daily_orders are "
            "to be "
            "anonymised, and nothing says which columns are personal data; write `tags: [pii]` at the columns in "
            "contracts/daily_orders.odcs.yaml, or take `retentionAction` out"
        ),
        why="A row of which nothing is emptied stays as it is, for ever, while the contract says that it does not.",
        fix=(
            "Say where the personal data is: `tags: [pii]` at the contract's columns, `pii: true` at those of the "
            "ingest "
            "file, `config: {meta: {pii: true}}` at those in the model's `.yml`. What is emptied is not `required`. Or "
            "leave `retentionAction` out: the rows are deleted then."
        ),
    ),
    Code.RETENTION_RELEASE: Explanation(
        what="A published file cannot be read or deleted, so nobody knows whether it keeps rows past their retention.",
        example=(
            "BB643 data/published/orders/v1/0123456789abcdef/data.parquet: the release cannot be read: Invalid Input "
            "Error: No magic bytes found at end of file 'data.parquet'; delete its folder and publish anew: `poe build "
            "published/orders`"
        ),
        why="The file may hold what had to go. All others have been looked at nevertheless.",
        fix=(
            "Delete the folder that the message names, unless a program has it open: close that first. When "
            "`current.json` beside it names the folder, publish anew, or delete the whole major version."
        ),
    ),
    Code.CONTRACT_DESCRIBED: Explanation(
        what="A published model is described by its contract and, besides, in a YAML file of dbt.",
        example=(
            "BB650 dbt/models/published/daily_orders.yml:4: `daily_orders` is described by "
            "contracts/daily_orders.odcs.yaml now, and dbt takes one description of a model; remove the file"
        ),
        why=(
            "Names, types and tests of what is published follow from the contract alone: two descriptions would "
            "differ one day. Models that were published before there were contracts have such a file."
        ),
        fix=(
            "Remove what the message names. A test in it that the contract has no rule for becomes a rule there, under "
            "`quality`, or a SQL test in `dbt/tests/`."
        ),
    ),
}
