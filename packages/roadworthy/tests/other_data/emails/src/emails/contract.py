"""What the table of messages must look like, and its features."""

from roadworthy import Column, Contract, Rule, Table

READ = "received + interval 1 day"
MESSAGE = Column(name="message", kind="text", about="number of the message", pattern="^M[0-9]{4}$")
SIZE = Column(name="size", kind="number", about="characters, in thousands", low=0, high=1000)
LINES = Column(name="lines", kind="integer", about="line breaks", low=0, high=20_000)
ATTACHMENTS = Column(name="attachments", kind="integer", about="attached files", low=0, high=100)
DOLLARS = Column(name="dollars", kind="integer", about="dollar signs and words", low=0, high=500)
EXCLAMATIONS = Column(name="exclamations", kind="integer", about="exclamation marks", low=0, high=10_000)
NUMBER = Column(
    name="number", kind="category", about="the largest number in the text", allowed=("none", "small", "big")
)
SPAM = Column(
    name="spam", kind="boolean", about="the reader did not want it", known="after", known_at=READ, max_null=0.05
)
MESSAGES = Table(
    name="messages",
    columns=(
        MESSAGE,
        Column(name="received", kind="time", about="when it was sent"),
        Column(name="several", kind="boolean", about="has more than one recipient"),
        Column(name="answered", kind="boolean", about="the reader wrote to its sender within 30 days before"),
        Column(name="reply", kind="boolean", about="the subject begins with Re:"),
        Column(name="html", kind="boolean", about="is formatted as HTML"),
        Column(name="images", kind="integer", about="attached images", low=0, high=100),
        ATTACHMENTS,
        DOLLARS,
        Column(name="winner", kind="boolean", about="the text has the word winner"),
        Column(name="inherit", kind="integer", about="words like inheritance", low=0, high=100),
        Column(name="password", kind="integer", about="words like password", low=0, high=200),
        SIZE,
        LINES,
        Column(name="shouted", kind="boolean", about="the subject has an exclamation mark"),
        EXCLAMATIONS,
        NUMBER,
        SPAM,
    ),
    key=("message",),
    rules=(Rule("images are attached", "images <= attachments", "an image is one of the attached files"),),
    min_rows=3000,
    time="received",
)
FEATURES = Table(
    name="features",
    columns=(
        MESSAGE,
        Column(name="received", kind="time", about="prediction time: the message has arrived"),
        Column(name="day", kind="date", about="of the message, in UTC"),
        Column(name="several", kind="integer", about="1 with more than one recipient", low=0, high=1),
        Column(
            name="known", kind="integer", about="1 if the reader wrote to its sender, or it is a reply", low=0, high=1
        ),
        Column(name="html", kind="integer", about="1 if formatted as HTML", low=0, high=1),
        ATTACHMENTS,
        DOLLARS,
        Column(name="words", kind="integer", about="how often winner, inherit and password are there", low=0, high=300),
        SIZE,
        Column(name="width", kind="number", about="characters in a line", low=0, high=20_000),
        EXCLAMATIONS,
        NUMBER,
        SPAM,
        Column(name="read_at", kind="time", about="the reader has looked at it", known="after"),
    ),
    key=("message",),
    min_rows=3000,
    time="received",
)
CONTRACT = Contract(
    tables=(MESSAGES,),
    features=FEATURES,
    key="message",
    time="received",
    day="day",
    target="spam",
    known_at="read_at",
)
