"""What the questions share; it knows no question of its own and imports nothing of the question files.

Read in this order, each importing only from those before it::

    statistics    intervals, control limits and curves, from counts
    countries     the country of a phone number
    dialect       the SQL that DuckDB and Spark have in common
    column_types  kinds of columns, dtypes of results
    spark         Spark as an engine, an extra
    provenance    where a number came from: what `explain` reads
    completeness  how complete the rows behind it are: its certificate
    engine        tables in, checked; one SQL text run; frames out
    grouping      what ``by`` and ``tz`` mean in SQL

Imports of smsdata only `schema`, `shown`, `times` and `errors`.
"""
