"""The names of languages: what people call them, and the tags that model cards carry (ISO 639-1)."""

from __future__ import annotations

import unicodedata
from functools import cache

_TABLE = """
af  Afrikaans    南非语      Afrikaans
am  Amharic      阿姆哈拉语  አማርኛ
ar  Arabic       阿拉伯语    العربية
az  Azerbaijani  阿塞拜疆语  Azərbaycanca
be  Belarusian   白俄罗斯语  Беларуская
bg  Bulgarian    保加利亚语  Български
bn  Bengali      孟加拉语    বাংলা Bangla
bs  Bosnian      波斯尼亚语  Bosanski
ca  Catalan      加泰罗尼亚语 Català Valencian
cs  Czech        捷克语      Čeština
cy  Welsh        威尔士语    Cymraeg
da  Danish       丹麦语      Dansk
de  German       德语        Deutsch 德文
el  Greek        希腊语      Ελληνικά
en  English      英语        英文
eo  Esperanto    世界语      Esperanto
es  Spanish      西班牙语    Español Castellano 西班牙文
et  Estonian     爱沙尼亚语  Eesti
eu  Basque       巴斯克语    Euskara
fa  Persian      波斯语      فارسی Farsi
fi  Finnish      芬兰语      Suomi
fr  French       法语        Français 法文
ga  Irish        爱尔兰语    Gaeilge
gl  Galician     加利西亚语  Galego
gu  Gujarati     古吉拉特语  ગુજરાતી
he  Hebrew       希伯来语    עברית
hi  Hindi        印地语      हिन्दी
hr  Croatian     克罗地亚语  Hrvatski
hu  Hungarian    匈牙利语    Magyar
hy  Armenian     亚美尼亚语  Հայերեն
id  Indonesian   印尼语      Bahasa
is  Icelandic    冰岛语      Íslenska
it  Italian      意大利语    Italiano 意大利文
ja  Japanese     日语        日本語 日文
ka  Georgian     格鲁吉亚语  ქართული
kk  Kazakh       哈萨克语    Қазақша
km  Khmer        高棉语      ខ្មែរ
kn  Kannada      卡纳达语    ಕನ್ನಡ
ko  Korean       韩语        한국어 韩文
lo  Lao          老挝语      ລາວ
lt  Lithuanian   立陶宛语    Lietuvių
lv  Latvian      拉脱维亚语  Latviešu
mk  Macedonian   马其顿语    Македонски
ml  Malayalam    马拉雅拉姆语 മലയാളം
mn  Mongolian    蒙古语      Монгол
mr  Marathi      马拉地语    मराठी
ms  Malay        马来语      Melayu
mt  Maltese      马耳他语    Malti
my  Burmese      缅甸语      မြန်မာ
ne  Nepali       尼泊尔语    नेपाली
nl  Dutch        荷兰语      Nederlands
no  Norwegian    挪威语      Norsk
pa  Punjabi      旁遮普语    ਪੰਜਾਬੀ
pl  Polish       波兰语      Polski
pt  Portuguese   葡萄牙语    Português
ro  Romanian     罗马尼亚语  Română
ru  Russian      俄语        Русский 俄文
si  Sinhala      僧伽罗语    සිංහල
sk  Slovak       斯洛伐克语  Slovenčina
sl  Slovenian    斯洛文尼亚语 Slovenščina
sq  Albanian     阿尔巴尼亚语 Shqip
sr  Serbian      塞尔维亚语  Српски
sv  Swedish      瑞典语      Svenska
sw  Swahili      斯瓦希里语  Kiswahili
ta  Tamil        泰米尔语    தமிழ்
te  Telugu       泰卢固语    తెలుగు
th  Thai         泰语        ไทย
tl  Tagalog      他加禄语    Filipino
tr  Turkish      土耳其语    Türkçe
uk  Ukrainian    乌克兰语    Українська
ur  Urdu         乌尔都语    اردو
uz  Uzbek        乌兹别克语  Oʻzbekcha
vi  Vietnamese   越南语      Tiếng-Việt
zh  Chinese      中文        汉语 普通话 Mandarin
"""
"""A language in each line: its tag, its English and its Chinese name, and what else it is called."""

_WORDS_THEMSELVES = frozenset({"am", "be", "bs", "es", "he", "hi", "id", "is", "it", "mt", "my", "no", "si"})
"""tags that are words of English or names of other things as well: alone they name no language"""


def language_of(word: str) -> str | None:
    """Return the tag of the language that a word means, or None.

    >>> [language_of(word) for word in ("German", "deutsch", "de", "中文", "español", "espanol", "tea")]
    ['de', 'de', 'de', 'zh', 'es', 'es', None]
    >>> language_of("it"), language_of("italian")
    (None, 'it')
    """
    plain = _plain(word)
    return None if plain in _WORDS_THEMSELVES else _by_name().get(plain)


def is_language(tag: str) -> bool:
    """Return whether a tag of a model card names a language that has a name here.

    >>> is_language("de"), is_language("pytorch")
    (True, False)
    """
    return tag in _names()


def name_of(tag: str, *, chinese: bool = False) -> str:
    """Return what a language is called in English, or in Chinese; a tag that nobody knows stays as it is.

    >>> name_of("de"), name_of("de", chinese=True), name_of("tlh")
    ('German', '德语', 'tlh')
    """
    names = _names().get(tag)
    return names[1 if chinese else 0] if names else tag


def language_of_locale(name: str | None) -> str | None:
    """Return the language of a locale's name as the environment writes it; None for none.

    >>> language_of_locale("de_AT.UTF-8"), language_of_locale("C.UTF-8"), language_of_locale(None)
    ('de', None, None)
    """
    tag = (name or "").replace("-", "_").partition("_")[0].lower()
    return tag if is_language(tag) else None


def _plain(word: str) -> str:
    """Return a word in small letters and without accents, as people type it."""
    parts = unicodedata.normalize("NFKD", word.casefold())
    return unicodedata.normalize("NFC", "".join(part for part in parts if not unicodedata.combining(part)))


@cache
def _names() -> dict[str, tuple[str, ...]]:
    rows = (line.split() for line in _TABLE.strip().splitlines())
    return {tag: tuple(names) for tag, *names in rows}


@cache
def _by_name() -> dict[str, str]:
    found = {_plain(name): tag for tag, names in _names().items() for name in names}
    return found | {tag: tag for tag in _names()}
