"""The management API, LiteLLM's paths and fields. Imported when first asked for; off the data path."""

#: The paths that belong to it.
PREFIXES = (
    "/audit",
    "/budget/",
    "/customer/",
    "/end_user/",
    "/global/",
    "/key/",
    "/model/delete",
    "/model/new",
    "/model/update",
    "/organization/",
    "/project/",
    "/sekisho/v1/",
    "/spend/",
    "/tag/",
    "/team/",
    "/user/",
    "/v2/key/",
    "/v2/organization/",
    "/v2/team/",
    "/v2/user/",
)
