"""How sqlglot is to read Braintrust's expressions."""

from __future__ import annotations

from typing import ClassVar

from sqlglot import TokenType, exp, parser, tokens
from sqlglot.dialects.dialect import Dialect


class Braintrust(Dialect):
    """SQL with `INCLUDES`, `CONTAINS` and `MATCH` between two operands."""

    class Tokenizer(tokens.Tokenizer):
        """Reads each word as the sign of an operator that stands in the same place."""

        IDENTIFIERS: ClassVar = ['"', "`"]
        KEYWORDS: ClassVar = {
            **tokens.Tokenizer.KEYWORDS,
            "INCLUDES": TokenType.AT_GT,
            "CONTAINS": TokenType.AT_GT,
            "MATCH": TokenType.GLOB,
        }

    class Parser(parser.Parser):
        """Knows `a INCLUDES b` and `a MATCH b`, and no functions but those that are compiled."""

        RANGE_PARSERS: ClassVar = {
            **parser.Parser.RANGE_PARSERS,
            TokenType.AT_GT: parser.binary_range_parser(exp.ArrayContainsAll),
            TokenType.GLOB: parser.binary_range_parser(exp.Glob),
        }
