"""Column names, shared by every table of the project."""

USER = "user_id"
ITEM = "item_id"
RATING = "rating"
TIMESTAMP = "timestamp"
TITLE = "title"
PART = "part"

USER_INDEX = "user_index"
ITEM_INDEX = "item_index"
RANK = "rank"
SCORE = "score"

MODEL = "model"

ROW = "row"
HISTORY = "history"
RATINGS = "ratings"
SOURCE = "source"
UNKNOWN_ITEMS = "unknown_items"
VERSION = "version"
NOT_REGISTERED = "not_registered"
LIKES = "likes"
