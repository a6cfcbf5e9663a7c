"""Which functions of ClickHouse a query may call.

`allowed_functions.txt` lists the functions that a caller of one project may call: those that
compute from their arguments alone. Any other function that ClickHouse has is refused, so that a
new version of ClickHouse adds nothing before it is classified (a test names what is missing).
"""

from functools import cache
from importlib.resources import files
from typing import Final

_FOR_NOBODY: Final = {
    "reads files of the server": "file catboostEvaluate showCertificate",
    "writes": "generateSerialID",
    "reaches out to the network": "aiClassify aiEmbed aiExtract aiFilter aiGenerate aiRedact"
    " aiSimilarity aiTranslate",
}
"""Reason → functions that no caller may call."""

_UNCONFINED_ONLY: Final = {
    "shows the server, not the project": "hostName hostname fullHostName FQDN tcpPort"
    " getServerPort uptime serverUUID getOSKernelVersion buildId revision displayName"
    " hasThreadFuzzer filesystemAvailable filesystemCapacity filesystemUnreserved getMacro"
    " getServerSetting getMergeTreeSetting getMaxTableNameLengthForDatabase globalVariable"
    " shardNum shardCount zookeeperSessionUptime runningConcurrency getSetting"
    " getSettingOrDefault generateSnowflakeID",
    "shows users and connections of the server": "authenticatedUser authUser currentUser"
    " current_user user session_user currentProfiles currentRoles defaultProfiles defaultRoles"
    " enabledProfiles enabledRoles connectionId connectionID connection_id currentHandler"
    " currentRequestURL getClientHTTPHeader currentQueryID current_query_id queryID query_id"
    " initialQueryID initial_query_id initialQueryStartTime initial_query_start_time"
    " transactionID transactionLatestSnapshot transactionOldestSnapshot pgGetUserById"
    " pg_get_userbyid pgTableIsVisible pg_table_is_visible",
    "looks into the server's process": "addressToLine addressToLineWithInlines addressToSymbol"
    " demangle logTrace tid flameGraph isMergeTreePartCoveredBy mergeTreePartInfo aggThrow"
    " __actionName __applyFilter __bitBoolMaskAnd __bitBoolMaskOr __bitSwapLastTwo"
    " __bitWrapperFunc __getScalar __groupingForCube __groupingForGroupingSets"
    " __groupingForRollup __groupingOrdinary __patchPartitionID __scalarSubqueryResult"
    " __toYearCalendarOnly",
    "uses models and dictionaries of the server": "evalMLMethod naiveBayesClassifier"
    " naiveBayesClassifierWithAllProbs naiveBayesClassifierWithProb naiveBayesNgrams"
    " regionHierarchy regionIn regionToArea regionToCity regionToContinent regionToCountry"
    " regionToDistrict regionToName regionToPopulation regionToTopContinent",
    # Quadratic in their arguments, and ClickHouse does not interrupt a call. Many useful
    # functions can be made to run as long (`has`, `position`): `QueryPool` bounds those.
    "cannot be interrupted": "sleep sleepEachRow editDistance editDistanceUTF8"
    " levenshteinDistance levenshteinDistanceUTF8 damerauLevenshteinDistance jaroSimilarity"
    " jaroWinklerSimilarity arrayLevenshteinDistance arrayLevenshteinDistanceWeighted"
    " arraySimilarity hierarchicalKMeans fuzzQuery",
}
"""Reason → functions that a caller of one project may not call."""

NAMING_TABLES: Final = ("dictget", "dicthas", "dictisin", "hascolumnintable", "joinget")
"""Beginnings of functions (in lower case) that take the name of a table as text."""

NAMES_OF_COLUMNS: Final = frozenset(
    {"connection_id", "hostname", "query_id", "revision", "sleep", "tid", "uptime", "user"}
)
"""Functions (in lower case) that may stand as bare names, like a column or an alias: without
parentheses they compute nothing, except `user`, which is the same for all callers."""


def _by_name(reasons: dict[str, str]) -> dict[str, str]:
    return {name.lower(): reason for reason, names in reasons.items() for name in names.split()}


FOR_NOBODY: Final = _by_name(_FOR_NOBODY)
"""Function (in lower case) that no caller may call → why."""

UNCONFINED_ONLY: Final = _by_name(_UNCONFINED_ONLY)
"""Function (in lower case) that a caller of one project may not call → why."""


@cache
def allowed_functions() -> frozenset[str]:
    """Return the functions (in lower case) that a caller of one project may call."""
    text = (files("belvedere.query.sql") / "allowed_functions.txt").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(name.lower() for line in lines for name in line.split())
