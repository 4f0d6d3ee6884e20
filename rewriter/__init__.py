"""Statements about entities become statements about their views. No I/O: text and a catalog snapshot in, edits out.

    text --shape--> cache --first sight--> route --tokens--> skeleton --sqlglot--> tree --rules--> edits --> text

* `statements`  before any parsing: split a simple Query, classify by first keywords
* `lexer`       PostgreSQL's tokens; the shape, literals lifted out, which a rewrite is cached by
* `cache`       `Rewriter`: shape -> edit script; what runs for nearly every statement
* `bulk`        long INSERT ... VALUES, by its head alone
* `router`      first sight: pass, rewrite, DDL or refuse
* `reader`      tokens read in order: names, parentheses, where a clause ends
* `mask`        tokens -> the skeleton that is parsed (`mask_dml`, `mask_merge` for DML; `atoms` for expressions)
* `parts`       what the mask finds on its way: relations, and the parts of each DML statement
* `parse`       skeleton -> sqlglot tree -> scopes: what each name stands for
* `names`       names -> entities: schemas, search_path, temporary tables
* `statement`   what the rules work on: tokens to read, edits to make
* `rules`       one statement kind a file, each adding edits
* `ddl`         DDL on an entity: passed, with a prelude where it must see rows; `maintenance` for REINDEX and CLUSTER
* `bodies`      bodies of routines in standard SQL, statement by statement
* `joins`       how many joins a statement asks for, for statistics
* `edits`       spans, splicing, and the way back to the client's positions

Promises: a statement that names no shared entity, nor a system catalog, nor a function that tells of storage, comes
back as the very object that went in. The client's text is edited, never generated. What names a shared entity and is
not understood raises RewriteError.
"""

from rewriter.bodies import rewrite_body
from rewriter.cache import Rewriter, Rewritten, mentions_entity, outline, rewrite, shown_shape
from rewriter.ddl import NAMING_NO_TABLE
from rewriter.edits import Edit, original_position
from rewriter.errors import RewriteError
from rewriter.joins import count_joins
from rewriter.router import TELL_TEXTS
from rewriter.rules.storage_functions import STORAGE_FUNCTIONS
from rewriter.statements import Kind, Span, classify, may_change_names, split

__all__ = [
    "NAMING_NO_TABLE",
    "STORAGE_FUNCTIONS",
    "TELL_TEXTS",
    "Edit",
    "Kind",
    "RewriteError",
    "Rewriter",
    "Rewritten",
    "Span",
    "classify",
    "count_joins",
    "may_change_names",
    "mentions_entity",
    "original_position",
    "outline",
    "rewrite",
    "rewrite_body",
    "shown_shape",
    "split",
]
