"""The parts that names in the gym's worlds are made of, dealt out so that no two splits share a name or a telling part of one.

Of every list of telling parts (first names, surnames, beginnings of place names ...) training gets half, validation and test a
quarter each. Endings and generic words (``-ford``, ``Bridge``, ``Rovers``) are common to all.
"""

from bao.task import Split


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST_NAMES = _words(
    "Ada Abel Agnes Alban Alma Ambrose Anselm Astrid Basil Beatrix Bruno Cecily Clement Clara Conrad Cora Damian Della "
    "Edgar Edith Elias Eliza Enoch Esther Felix Flora Gideon Greta Harriet Hector Hilda Hugo Ida Ignatius Irma Isidor "
    "Jonas Judith Kasimir Klara Lambert Leonora Lucian Lydia Magnus Matilda Mercy Morris"
)
SURNAMES = _words(
    "Abbot Ainslie Arkwright Ashdown Balfour Barlow Beckett Birdsall Blakeney Brandt Caldwell Carrick Chilton Corbett "
    "Crowther Dalby Denholm Draycott Dunmore Eastham Ellery Fairfax Farrow Fenwick Finch Galloway Garrick Gaunt Goodwin "
    "Grantley Hexham Hargrave Hartnell Haverly Holt Ingram Jessop Keane Kendrick Kirkby Lacey Langdon Latimer Lockwood "
    "Lovell Marchant Mayhew Merrick Moffat Naylor Norwood Ogden Osgood Paget Pemberton Penrose Quill Radcliff Ransome "
    "Rigby Rowley Sayer Selwyn Thorne"
)
TOWN_STEMS = _words(
    "Ald Alder Arn Ash Bar Beck Bex Birk Bram Brock Bur Cald Chal Chel Clav Crow Dar Dray Dun Elm Eg Fal Farn Fin Gar Gil "
    "Gos Had Hal Hart Haze Hol Ing Kel Kes Kirk Lang Led Lin Lox Mal Mar Mel Mor Nant Ner Old Pem"
)
TOWN_ENDS = _words("bury by combe dale field ford gate ham ley mere stead ton wick worth")
REGION_STEMS = _words(
    "Aver Bel Cor Dor Esk Fern Gal Hest Ister Jor Kar Lor Mont Nor Orm Pell Quar Rhen Sel Tarn Ull Ves Wend Yar Zel Arl "
    "Brae Cly Dess Elv Fro Glen"
)
REGION_ENDS = _words("mark shire land moor wold")
RIVERS = _words(
    "Adder Arrow Avel Bann Beam Bourne Brue Calder Cam Clyst Colne Crane Dane Dart Deben Dove Eden Elwy Erne Ewe Fal "
    "Feale Fowey Frome Gade Gavenny Glaze Goyt Hamble Hipper Hodder Ivel Irfon Irwell Isla Kenn Kym Laver Leam Lugg Lyd "
    "Maun Medlock Neet Nidd Orwell Otter Parret"
)
LAKES = _words(
    "Aspen Bracken Brindle Cinder Cobalt Copper Coral Drift Ember Falcon Flint Garnet Heron Indigo Ivory Jasper Juniper "
    "Kestrel Lantern Larch Marble Mirror Onyx Opal Pewter Plover Quartz Raven Sable Silver Swallow Thistle"
)
HILLS = _words(
    "Abrel Aldis Amber Arcan Bastion Beryl Bolt Cairn Cobble Castor Corvin Dagger Dolmen Eider Elder Fallow Fennel Gable "
    "Gannet Gorse Harrow Hazel Hummock Ibis Jackdaw Jetty Keel Lapwing Linnet Lodestone Magpie Mason Merlin Nettle Oriole "
    "Osier Pike Pillar Quarry Quiver Rampart Rook Saddle Shepherd Sorrel Spindle Tansy Warden"
)
COINED_STEMS = _words(
    "Ab Alc Ard Bal Barn Bos Cal Cav Cos Dal Dem Dov Er Ev Fab Fol Fus Gab Gav Gor Hab Hern Hov Ib Ild Jab Jar Kab Kov "
    "Lab Lev Lom Mab Mav Mos Nab Nev Nov Ob Olv Pab Pav Pol Rab Rav Ros Sav Sol"
)
COINED_ENDS = _words("ado amont ane antor arc ella endal eno eris ia imer ique ona orin osta ova ulan urne")
BOOK_ADJECTIVES = _words(
    "Amber Ancient Bitter Blind Borrowed Brave Bright Broken Burning Careful Cold Crooked Distant Drowned Dusty Early "
    "Empty Endless Faithful Fallen Foolish Forgotten Frozen Gentle Gilded Golden Hidden Hollow Honest Hungry Idle Last"
)
BOOK_NOUNS = _words(
    "Acre Almanac Anchor Apprentice Archway Attic Balcony Barge Beacon Bellringer Boatman Candle Cartographer Causeway "
    "Chapel Chorus Clockmaker Cottage Courier Cousin Cupboard Daughter Doorway Dowry Errand Falconer Farewell Ferry "
    "Fiddler Garden Gate Glazier Guest Harvest Hearth Heiress Hourglass Inn Island Journey Keeper Kettle Ladder Letter "
    "Lighthouse Locksmith Loom Lullaby"
)

COMPANY_ENDS = ("Brothers", "Company", "and Sons", "Works")
CLUB_ENDS = _words(
    "Rovers Athletic Wanderers United Rangers Albion Harriers Thistles Corinthians Swifts Ramblers Casuals Saints Olympic "
    "Dynamos Invicta"
)
"""As many as a town may have clubs."""
DEVICES = _words("press lamp valve loom pump plough compass lock engine gauge kiln winch")

PROFESSIONS = _words("poet painter botanist engineer composer surgeon printer astronomer sculptor chemist")
PRODUCTS = _words("clocks paper rope glass bells lanterns cloth soap boats tiles knives books")
"""``books`` makes a company a publisher."""
SPORTS = _words("football rowing cricket hockey cycling archery")
GENRES = _words("novel play memoir ballad")
EMBLEMS = _words("heron fox bear swan lion stag hare owl bull eagle")
COLOURS = _words("red blue green yellow black white purple orange")
MATERIALS = _words("stone iron brick timber steel concrete")


def dealt(words: tuple[str, ...], split: Split) -> tuple[str, ...]:
    """The share of a split: two in four words for training, one in four each for validation and test."""
    places = {Split.TRAIN: (0, 2), Split.VALID: (1,), Split.TEST: (3,)}[split]
    return tuple(word for index, word in enumerate(words) if index % 4 in places)
