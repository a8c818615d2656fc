"""Countries: ISO 3166 codes, or English names."""

from __future__ import annotations

from headrace.statistics._contract import Evidence, Seen, SemanticType

__all__ = ["Country"]

_TWO_LISTED = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC
CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD
GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH
KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW
MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC
SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY
UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
_TWO = frozenset(_TWO_LISTED.split())
_THREE_LISTED = """
AFG AGO ALB AND ARE ARG ARM AUS AUT AZE BDI BEL BEN BFA BGD BGR BHR BHS BIH BLR BLZ BOL BRA BRB BRN BTN BWA CAF CAN
CHE CHL CHN CIV CMR COD COG COL COM CPV CRI CUB CYP CZE DEU DJI DMA DNK DOM DZA ECU EGY ERI ESP EST ETH FIN FJI FRA
GAB GBR GEO GHA GIN GMB GNB GNQ GRC GRD GTM GUY HKG HND HRV HTI HUN IDN IND IRL IRN IRQ ISL ISR ITA JAM JOR JPN KAZ
KEN KGZ KHM KOR KWT LAO LBN LBR LBY LIE LKA LSO LTU LUX LVA MAR MCO MDA MDG MDV MEX MKD MLI MLT MMR MNE MNG MOZ MRT
MUS MWI MYS NAM NER NGA NIC NLD NOR NPL NZL OMN PAK PAN PER PHL PNG POL PRK PRT PRY QAT ROU RUS RWA SAU SDN SEN SGP
SLE SLV SOM SRB SSD SUR SVK SVN SWE SWZ SYR TCD TGO THA TJK TKM TLS TTO TUN TUR TWN TZA UGA UKR URY USA UZB VEN VNM
YEM ZAF ZMB ZWE
"""
_THREE = frozenset(_THREE_LISTED.split())
_NAMES_LISTED = """
afghanistan albania algeria argentina australia austria bangladesh belgium bolivia brazil bulgaria cambodia canada
chile china colombia croatia cuba cyprus czechia denmark ecuador egypt estonia ethiopia finland france georgia
germany ghana greece guatemala honduras hungary iceland india indonesia iran iraq ireland israel italy jamaica japan
jordan kazakhstan kenya kuwait latvia lebanon lithuania luxembourg malaysia malta mexico morocco nepal netherlands
nigeria norway pakistan panama paraguay peru philippines poland portugal qatar romania russia senegal serbia
singapore slovakia slovenia spain sweden switzerland syria taiwan tanzania thailand tunisia turkey uganda ukraine
uruguay venezuela vietnam zambia zimbabwe
"""
_NAMES = frozenset(_NAMES_LISTED.split()) | {
    "united states",
    "united kingdom",
    "south africa",
    "south korea",
    "new zealand",
    "saudi arabia",
    "costa rica",
}
_MOST = 0.95
_FEWEST = 3


class Country(SemanticType):
    """Texts (three at least) that are country codes of one length, or names of countries in English."""

    rank = 14

    def recognise(self, seen: Seen) -> Evidence | None:
        """By the values."""
        if len(seen.values) < _FEWEST:
            return None
        for words, known in (("ISO 3166 codes of two letters", _TWO), ("ISO 3166 codes of three letters", _THREE)):
            share = seen.share(lambda value, known=known: value in known)  # type: ignore[misc]
            if share >= _MOST:
                return Evidence(share, f"{share:.0%} of values are {words}")
        share = seen.share(lambda value: value.strip().lower() in _NAMES)
        return Evidence(share, f"{share:.0%} of values are names of countries") if share >= _MOST * 0.9 else None
