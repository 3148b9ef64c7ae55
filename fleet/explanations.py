"""What stands behind each code of the fleet's messages; the page of the docs is made from it."""

from building_block.messages import Explanation

from fleet.messages import FleetCode

EXPLANATIONS = {
    FleetCode.FILE_YAML: Explanation(
        what="A file of the fleet is missing, not YAML, or YAML that could be read in two ways.",
        example=(
            "FL101 rings.yaml: is not there; write it, or name the folder that has it: `fleet --fleet <folder>`, now "
            "rollout"
        ),
        why="What a release reaches must not depend on who reads the file.",
        fix="Look at the line and the one before it. `make fleet-demo` writes both files as an example.",
    ),
    FleetCode.FILE_KEY: Explanation(
        what="A file of the fleet has a key that nobody reads, or lacks one that it needs.",
        example=("FL102 rings.yaml:2 rings[0].must_succed: unknown key `must_succed`; write must_succeed"),
        why="A misspelt key that is ignored would leave its default in force: a ring would open too early.",
        fix="Take the name from the message, or from the tables on this page.",
    ),
    FleetCode.FILE_VALUE: Explanation(
        what="A key of a file of the fleet has a value that it cannot have, or two entries have the same.",
        example=(
            "FL103 domains.yaml:3 domains[0].ring: no ring is called `earl`; write early, or add it to rings.yaml"
        ),
        why="A domain in no ring would be reached by no release, and nobody would see it.",
        fix="Write what the message says.",
    ),
    FleetCode.NAME_UNKNOWN: Explanation(
        what="A name on the command line is that of no domain, ring, release or folder, or of one outside of the ring.",
        example="FL104 --only: `slaes` is not in domains.yaml; write sales",
        why="Going on without it would look as if it had been done.",
        fix="Write the name as the file has it.",
    ),
    FleetCode.REMOTE: Explanation(
        what="A repository cannot be reached, or cannot be read.",
        example=(
            "FL201 http://127.0.0.1:1/acme/sales-data.git: the repository cannot be read: fatal: unable to access …; "
            "look whether it is there and the fleet may read it, then begin again"
        ),
        why="Each repository is asked by itself: the others go on.",
        fix="Was it renamed, moved or deleted? May the fleet's App or token see it? Then correct domains.yaml.",
    ),
    FleetCode.NOT_ENROLLED: Explanation(
        what="A registered repository has no project of a release of this template, no commit, or is archived.",
        example=(
            "FL202 acme/facilities-data: has no .copier-answers.yml: no project of this template; adopt it (docs/how-"
            "to/adopt-an-existing-dbt-project.md), or write `skip:` with the reason"
        ),
        why="A domain that is registered and cannot be reached by any release would be forgotten otherwise.",
        fix="Adopt it, put right what the message names, remove it from domains.yaml, or write why it is skipped.",
    ),
    FleetCode.HOSTILE: Explanation(
        what="Something in a repository, such as a link or a source of uv, would be read from outside of it.",
        example=(
            "FL203 settings/pixi.toml: is a symbolic link that leads out of the repository; put a file or a folder "
            "there"
        ),
        why="What it leads to is a file of the platform's machine, whose content would come into a pull request.",
        fix="The unit puts a file of its own there, or writes a path that stays in its repository.",
    ),
    FleetCode.BRANCH: Explanation(
        what="The fleet's branch has commits or a pull request of others, or the repository moved on all the time.",
        example=(
            "FL204 acme/sales-data: somebody committed to the branch of the fleet, and it is not written over; merge "
            "its pull request, or take their commits off the branch, then `fleet apply --resume`"
        ),
        why="Nobody's work is written over, not even on the fleet's own branch.",
        fix=(
            "Merge the pull request with what was added, or set the branch back to the fleet's commit. Do not delete "
            "it: forges then close the pull request, and the fleet takes that for the team's no to this release."
        ),
    ),
    FleetCode.PUSH: Explanation(
        what="A remote refused a push.",
        example=(
            "FL205 acme/sales-data: the push of platform-update was refused: remote: platform-update is protected; "
            "let the fleet push platform-update there, then `fleet apply --resume`"
        ),
        why="A push is taken whole or not at all, so nothing is half there.",
        fix="Most often a rule protects all branches: except the fleet's App from it for this branch.",
    ),
    FleetCode.TIME: Explanation(
        what="The work on one repository took too long and was ended, with all that it had started.",
        example=(
            "FL206 sales: took longer than 600 s and was ended; nothing was pushed by halves; look whether the remote"
            " answers, and begin again"
        ),
        why="One remote that hangs must not hold up the others.",
        fix="Clone it by hand and see where it hangs. A second call takes up what is left.",
    ),
    FleetCode.CRASH: Explanation(
        what="The fleet itself has a defect that met this repository.",
        example=(
            "FL207 sales: the fleet itself failed here: KeyError: 'x'; tell who maintains the fleet; the others went on"
        ),
        why="It is told of the one domain, and the others are done.",
        fix="Tell who maintains the fleet what the message says; of an `apply`, `campaigns.jsonl` has the traceback.",
    ),
    FleetCode.FORGE: Explanation(
        what="A forge refused something, or is not well.",
        example=("FL301 acme/sales-data: `platform-update` has no commit that `main` has not; push one first"),
        why="What it says is told of the one domain, and the others are done.",
        fix="Do what the message says, and begin again.",
    ),
    FleetCode.FORGE_ACCESS: Explanation(
        what="A forge does not know the fleet, or does not let it do something.",
        example=(
            "FL302 acme/sales-data: the forge refuses the credentials; put a token that is valid into GITHUB_TOKEN, "
            "or an App's into FLEET_APP_ID and FLEET_APP_PRIVATE_KEY"
        ),
        why="Each repository is asked by itself: it may be the one organisation that has not let the fleet in.",
        fix="Renew the token or key, or give the App what the how-to says in that organisation.",
    ),
    FleetCode.FORGE_LIMIT: Explanation(
        what="A forge takes no more requests for longer than the fleet waits.",
        example=("FL303 acme/sales-data: the forge asks to wait until 14:00 UTC; begin again later"),
        why="Who goes on knocking is locked out. Up to an hour the fleet waits as it is asked to.",
        fix="Begin again later, or write a smaller `prs_per_hour`.",
    ),
    FleetCode.PAUSED: Explanation(
        what="A campaign is paused, or another call is at work on this fleet.",
        example=(
            "FL401 v0.4.0: the campaign is paused: the billing run is on; `fleet apply --to v0.4.0 --resume` when it "
            "may go on"
        ),
        why="Somebody has said to wait, and why.",
        fix="Ask that person, then resume. The log, `campaigns.jsonl`, has the time.",
    ),
    FleetCode.RING_CLOSED: Explanation(
        what="A ring, or a domain in one, was named that is not open yet.",
        example=("FL402 canary: the ring early is not open yet: 0 of 2 well, 100% needed; wait, then `fleet promote`"),
        why="A release reaches many only after it did well with few.",
        fix="Wait for the checks and for the time to bake. `fleet report` says what is missing.",
    ),
    FleetCode.RING_FAILED: Explanation(
        what="A ring before the one that was named has failed.",
        example=(
            "FL403 canary: 1 of 2 failed: finance (checks failed); put that right there, `fleet apply --resume`, or "
            "release a correction"
        ),
        why="What broke in a canary would break in a hundred.",
        fix="Look at the checks of the domain that is named: is it the release, or the domain's own defect?",
    ),
    FleetCode.CENTRAL: Explanation(
        what="No Dagster answers at the address.",
        example=("FL501 http://127.0.0.1:3000: no Dagster answers; start `dagster-webserver -w workspace.yaml`"),
        why="What the locations load can only be asked of one that runs.",
        fix="Start it, or put the address right.",
    ),
    FleetCode.LOCATION_FAILED: Explanation(
        what="A domain's location does not load in the central Dagster, or is not there.",
        example=(
            "FL502 domains.yaml sales.location: the central Dagster does not have it; write `fleet workspace` and let"
            " the webserver reload it"
        ),
        why="Its assets are not shown, and what depends on them looks as if nothing came before.",
        fix="Write the workspace anew, or put right what the message says with the domain.",
    ),
    FleetCode.LOCATION_FOREIGN: Explanation(
        what="A domain's location has the assets of another domain.",
        example=(
            "FL503 domains.yaml sales.location: it has the assets of finance, and each is shown once, as whichever of"
            " them was loaded last; write the folder, the python or the server of sales's own project"
        ),
        why="Two locations that define one asset become one node.",
        fix="The environment's Python decides which project is loaded: name the right one.",
    ),
    FleetCode.UNPUBLISHED: Explanation(
        what="An asset depends on a key of another domain that this does not publish.",
        example=(
            "FL504 finance finance/reporting/orders: depends on `sales/marts/orders_cleaned`, which sales does not "
            "publish; write sales/published/orders"
        ),
        why="Dagster loads a dependency on a key that nobody has without a word.",
        fix="Depend on a published key, or ask the other domain to publish it.",
    ),
}
