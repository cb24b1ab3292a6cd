"""The answers that the tests generate projects from."""

CONFIGURATIONS = {
    "default": {},
    "umlaut": {
        "project_name": 'Zürcher "Flüge" früh',
        "project_slug": "zuerich",
        "author": "Jürgen O'Neil",
        "licence": "Apache-2.0",
        "ci_provider": "GitLab",
    },
    "long": {
        "project_name": "Late arrivals of regional flights at all airports of New York",
        "licence": "Proprietary",
        "ci_provider": "none",
        "course": "no",
    },
    "own": {"project_name": "Returned Orders", "data": "own"},
    "page": {"project_name": "Tumours", "data": "own"},  # of docs/own_data.md
}
