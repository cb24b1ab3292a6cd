"""Random edits of a right answer that must not matter: style of SQL, order of rows and columns, names of variables."""

import ast
import random
import re

WORDS = re.compile(r"'[^']*'|\b(select|from|where|group by|order by|left|join|on|as|and|with|over|count|avg)\b")


def edited(source: str, chance: random.Random) -> str:
    """The same answer in another style: SQL texts rewritten, the code formatted anew, local variables renamed."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"(?i)\bselect\b", node.value):
            node.value = sql(node.value, chance)
    for function in [node for node in tree.body if isinstance(node, ast.FunctionDef)]:
        rename(function, chance)
    return ast.unparse(tree)


def sql(text: str, chance: random.Random) -> str:
    """The same query with other spaces, capitals and comments."""
    text = text.strip().rstrip(";")
    if chance.random() < 0.5:
        text = WORDS.sub(lambda found: found[0] if found[0].startswith("'") else found[0].upper(), text)
    if chance.random() < 0.5:
        text = re.sub(r"\n\s*", lambda _: chance.choice(["\n", "\n\t", " ", "\n\n   "]), text)
    if "$" not in text and "?" not in text and chance.random() < 0.5:
        text = f"select * from (\n{text}\n) as mine" + chance.choice(["", " order by random()"])
    if chance.random() < 0.5:
        text = f"-- {chance.choice(['my query', 'its mine; select'])}\n{text}"
    return text + chance.choice(["", ";", " ;\n", "\n-- done"])


def rename(function: ast.FunctionDef, chance: random.Random) -> None:
    """Give the arguments and local variables of a function other names."""
    local = {arg.arg for arg in function.args.args}
    local |= {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    names = {name: f"{chance.choice(['my', 'the', 'a'])}_{name}_{chance.randrange(10)}" for name in sorted(local)}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id in names:
            node.id = names[node.id]
        elif isinstance(node, ast.arg):
            node.arg = names.get(node.arg, node.arg)
