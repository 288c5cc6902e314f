from __future__ import annotations

from sekisho.identity.keys import token_hash
from tests.support.admin import Admin
from tests.support.directory import HOME, key_of
from tests.support.usage import use


async def test_keys_and_teams_have_spent_nothing_and_the_audit_knows_what_it_was(world: Admin) -> None:
    use(world)
    reply = await world.post("/global/spend/reset", {})
    assert reply.json == {"message": "Spend for all API Keys and Teams reset successfully", "status": "success"}
    assert {key["spend"] for key in (await world.get("/spend/keys", limit=100)).json} == {0.0}
    assert (await world.get("/team/info", team_id=HOME.team)).json["team_info"]["spend"] == 0.0
    told = (await world.get("/audit", object_id=token_hash(HOME.team_key))).json["audit_logs"][0]
    assert (told["action"], told["before_value"]["spend_nano_usd"], told["updated_values"]["spend_nano_usd"]) == (
        "updated",
        1_500_000_000,
        0,
    )
    assert (await world.get("/global/spend")).json["spend"] == 6.0, "the ledger stays"
    before = (await world.get("/audit")).json["total"]
    assert (await world.post("/global/spend/reset", {})).status == 200
    assert (await world.get("/audit")).json["total"] == before, "what has spent nothing is left alone"


async def test_budgets_without_a_period_have_room_again(admin: Admin) -> None:
    made = (await admin.post("/key/generate", {"max_budget": 5, "spend": 5})).json
    await admin.get("/sekisho/v1/me", token=made["key"])
    await admin.post("/global/spend/reset", {})
    (limit,) = (await admin.get("/sekisho/v1/me", token=made["key"])).json["limits"]
    assert (limit["used"], limit["left"]) == (0.0, 5.0)


async def test_nobody_else_resets_anything(world: Admin) -> None:
    for person in "VOTMUW":
        assert (await world.post("/global/spend/reset", {}, token=key_of(person))).status == 403
