"""Word lists for redaction: common given names and surnames, places and employers written without capitals, stop words.

A name that is also an everyday word ("will", "grace", "hope", "mark", "joy") is left out of `GIVEN_NAMES`: it is masked
only where a cue stands before it.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GIVEN_NAMES = _words(
    """
    aaliyah aaron abby abdul abigail abraham adam aditi adrian adriana agnes ahmad ahmed aidan aiden aiko
    aisha akira alan albert alejandra alejandro alex alexa alexander alexandra alexandre alexandria alexis
    alfonso alfred ali alice alicia alina alison allan allen allison alyssa amanda amara amelia amina amir
    amit amol amy ana anastasia anders andre andrea andreas andrew andy angela angelica angelina angelo
    angie anika anita ann anna anne annie anthea anthony antonia antonio anya arjun arnold arthur arturo
    arun asha ashley astrid audrey austin ava avery ayesha aylin bailey barbara barry beatrice becca becky
    belinda bella ben benjamin bernard bernice bert beth bethany betty beverly bianca billie billy bjorn
    blake bob bobbie bobby bonnie brad bradley brady brandon brayden brenda brendan brett brian brianna
    bridget brittany brooke bruce bruno bryan bryce bryn caitlin caleb cameron camila camille cara carl
    carla carlos carlton carmel carmen carol carolina caroline carolyn carrie carson casey cassandra
    cassie catherine cathy cecilia celeste celia cesar chad chandra chantal charles charlie charlotte
    chelsea cheryl chloe chris christina christine christopher chuck ciara cindy claire clara clarence
    claudia clayton clifford clint cody colin colleen connie connor cora cordelia corey courtney craig
    cristian cristina crystal curtis cynthia damian damien damon dan dana daniel daniela danielle danny
    daphne darcy darius darlene darrell darren darryl dave david dean deandre debbie debby deborah debra
    deepa deirdre delia demetrius denise dennis derek desmond devin devon dexter diana diane diego diya
    dmitri dominic dominique donald donna donovan dora doris dorothy doug douglas duncan dustin dwayne
    dwight dylan eddie edgar edith edmund eduardo edward edwin eileen elaine eleanor elena eli elijah
    elisa elise elizabeth ella ellen ellie elliot elliott elsa elsie elvira emil emilia emily emma
    emmanuel emmett enrique enzo eric erica erik erika erin ernest ernesto esmeralda estelle esther ethan
    etta eugene eva evan evelyn ezekiel ezra farah farid fatima faye felicia felipe felix fergus fernando
    finley finn fiona flora floyd frances francesca francisco frank fred freddie frederick frida gabriel
    gabriela gabriella gail gareth gary gavin gemma geoffrey george georgina gerald gerard gertrude gianna
    gilbert gina giovanni giulia gladys glen glenn gloria gonzalo gordon greg gregory greta gretchen
    guillermo gustavo gwen hailey haley hamza hana hank hannah harold harriet harry harvey hassan hattie
    heather hector heidi helen helena henry herbert hilary hilda hiroshi holly howard hugo hussein ian
    ibrahim ida ignacio ike imani imran ines ingrid irene irina irma irving isaac isabel isabella isabelle
    isaiah ismail issac itzel ivan ivana izzy jack jackie jackson jacob jacqueline jada jade jaden jaime
    jake jamal james jamie jane janet janice jared jasmine jason jasper javier javon jay jayden jayla jean
    jeff jeffrey jen jenna jennifer jenny jeremy jerome jerry jess jesse jessica jessie jill jim jimmy
    joan joann joanna joanne joaquim joaquin jocelyn jodie joe joel joey johan john johnathan johnny jon
    jonas jonathan jordan jorge jose josefina joseph josephine josh joshua josiah josie joyce juan juana
    juanita judah judith judy julia julian juliana julie juliet julio justin kaitlyn kamal kamala kara
    kareem karen kari karim karina karl katarina kate katelyn katherine kathleen kathryn kathy katie
    katrina katy kayla kaylee keanu keira keith kelly kelsey ken kendra kenji kenneth kenny kerry keshia
    kevin khadija khalid kiara kiera kim kimberly kirk kirsten klaus kristen kristi kristian kristin
    kristina krystal kumar kurt kwame kyle lakisha lakshmi lamar lana lance laquisha lara larry latasha
    latisha latoya laura lauren laurie lawrence leah lee leila leilani lena leo leon leona leonard
    leonardo leonora leroy leslie lester leticia lettie levi liam liana lila lilian lillian lillie lily
    linda lindsay lindsey lionel lisa liz liza logan lois lola lonnie lorena lorenzo lori lorna lorraine
    lou louis louise luca lucas lucia luciana lucille lucy luis luisa luke luther lydia lyle lynn mabel
    mackenzie madeline madison mae magda mahmoud maisie malcolm malia malik mallory manny manuel mara marc
    marcel marcela marcia marco marcus margaret margot maria mariah mariam marian mariana marie marilyn
    mario marisol marissa marjorie marlene marnie marsha marta martha martin martina marty marvin mary
    mason mateo mathew matt matthew mattie maude maureen maurice mavis maxine maxwell maya mckenna meera
    megan meghan mehmet mei melanie melinda melissa melody meredith mia micah michael michaela michele
    michelle miguel mike mikhail mila mildred miles millie milton mindy minnie mira miranda miriam mitch
    mitchell mohamed mohammad mohammed moira mollie molly mona monica monique morgan muhammad muriel
    mustafa myra nadia nadine nadja naima najma nancy naomi nasir natalia natalie natasha nate nathan
    nathaniel neha neil nellie nelson nettie nia niamh nicholas nick nicola nicole nigel nikhil nikita
    nikki nikolai nikos nina noah noel noelle nora norah norma norman odessa olaf oleg olga olive oliver
    olivia oluwaseun omar oscar otis owen pablo padraig pam pamela paolo patricia patrick patty paul paula
    pauline pavel pedro peggy penelope percy perry pete peter philip phillip phoebe phyllis pierre priya
    priyanka quentin quinn rachael rachel rafael raj rajesh ralph ramon ramona randall randy rania raphael
    raquel rasheed rashid raul ravi raymond rebecca reggie regina reginald renata renee reuben rhea rhonda
    rhys ricardo richard rick ricky rita rob robert roberta roberto robin rocco rocio rodney rodrigo roger
    rohan roland romeo ron ronald ronnie rory rosa rosalie rosalind rosalyn rosemary rosie ross roxana
    roxanne roy ruben rudy rufus russ russell ruth ryan ryder sabrina sadie saira salma salvador sam
    samantha samir sammy samuel sandra sandy sanjay sanjeev santiago saoirse sara sarah sarita sasha saul
    savannah scott seamus sean sebastian selena serena sergei sergio seth shane shanice shaniqua shankar
    shanna shannon sharon shaun shauna shawn sheena sheila shelby sheldon shelley shelly sherry shirin
    shirley sid sidney sierra silas silvia simon simone simran siobhan sofia sonia sonya sophia sophie
    soren stacey stacy stan stanley stefan stella steph stephan stephanie stephen stephon steve steven
    stuart sunita surya susan susanna susie suzanne suzy sven svetlana sybil sydney sylvia takashi talia
    tamara tamika tammy tania tanisha tanya tara tasha tatiana tatum taylor ted teresa terrence terri
    terry tess tessa thelma theo theodore theresa thomas tiana tiffany tim timothy tina tobias toby todd
    tom tomas tommy toni tony tonya tori tracey tracie tracy travis tremaine trevor tricia trish trisha
    tristan troy trudy tyler tyrell tyrese tyrone tyson ulrich uma umar ursula valentina valerie vanessa
    vanya velma vera vernon veronica vicente vicki vicky victor victoria vijay vincent virginia vishal
    vivian vladimir wade walter wanda warren wayne wendy wesley whitney wilfred wilhelm william willie
    wilma winifred winston xavier ximena yara yasmin yolanda yosef yuki yusuf yvette yvonne zach zachariah
    zachary zahra zainab zane zara zeke zelda zoe zoey zuri
    """
)

SURNAMES = _words(
    """
    adams aguilar alexander ali allen alvarez anderson bailey baker barnes bell bennett black boyd brooks
    bryant burns butler campbell carter castillo castro chan chavez chen clark cohen coleman collins
    cooper cox crawford cruz daniels davis diaz dixon dunn edwards ellis evans ferguson fernandez fisher
    flores ford foster fox freeman garcia gardner gibson goldberg gomez gonzales gonzalez gordon graham
    grant griffin gutierrez guzman hamilton harris harrison hawkins hayes henderson henry hernandez
    herrera hicks holmes howard hughes hunt hunter hussain ivanov jackson james jenkins jimenez johnson
    jones jordan kaur kelley kelly kennedy khan kim kowalski levy lewis lopez marshall martin martinez
    mason mbeki mcdonald medina mendez mendoza meyer miller mills mitchell moore morales moreno morgan
    morris mueller murphy murray myers nelson nguyen nichols oconnor okafor olson ortiz owens palmer
    parker patel patterson payne perez perry peterson phillips porter powell ramirez ramos reed reyes
    reynolds rice richardson rivera roberts robertson robinson rodriguez rogers romero ross ruiz russell
    ryan salazar sanchez sanders schmidt schneider scott shaw silva simmons simpson singh smith snyder
    soto spencer stephens stevens stewart stone sullivan suzuki tanaka taylor thomas thompson torres tran
    tucker turner vargas vasquez wagner walker wallace ward warren washington watson weaver webb williams
    wilson wong wood woods wright
    """
)

NOT_NAMES = _words(
    """
    a about actually adhd afraid african after again ago ai all almost alone also always am american an
    and angry another anxious any anymore anyone anytime april are aren't as asap ashamed asian asked at
    august australian autistic awake away babe baby back bad be because been before being bipolar black
    bored boss both boy bpd british broken but by bye call called calls calm came can can't canadian cant
    catholic caucasian chinese christian christmas comes constantly could covid crazy cried cries crying
    cute dad dead december depressed did didn't didnt died doctor does doesn't doesnt doing don't done
    dont down dr dramatic drowning each early easter either else empty ended english european even ever
    every everybody everyone everything ex exhausted family fat father february feel feeling feels felt
    female fine first folks for found friday friend friends from fun gave gay get gets getting girl gives
    god going gone good got guys had half halloween happy has hasn't hasnt hates have haven't he he's
    hello help her here hers hey hi him himself his hispanic honestly honey hopeless hospital how however
    hurt hurting hurts i i'd i'll i'm i've if ill im in indian insists into irish is isn't isnt it it's
    italian its itself january jewish july june just keeps kind knew know knows last lately later latina
    latino lazy left lesbian lets liar like literally lives living lol lonely lost loud love loves made
    makes male man many march married maybe me mexican might mine miss mom mommy monday more most mother
    mr mrs ms much muslim must my myself names near need needs never new next nice no nobody non-binary
    nonbinary none nope not nothing november now numb nurse ocd october of off office often ok okay old on
    once one only or other our ours out over own parent passed pathetic people please pregnant probably
    ptsd queer quite rather really recently right sad said saturday saw say says scared seems selfish
    sensitive sent september session she she's should shouldn't sick since sincerely single skinny so
    sober some somebody someone sometimes somewhere sorry still straight stressed stuck student stupid
    such suddenly suffering suicidal sunday sure survivor talk talks teacher terrified than thanks
    thanksgiving that that's the their them themselves then therapist there there's these they they're
    thin things think thinks this those though thought thursday thx time tired to today together told
    tomorrow tonight too took trans trapped treats tried tries trying tuesday two ty ugly under until up
    upset us used useless very veteran virgin visits wants was wasn't watched we we're weak wednesday
    weird well went were what what's when where which while white who whole whom whose why wife will with
    within without woman won't work worked works worried worthless would wouldn't yelled yells yes
    yesterday yet you you're your yours yourself
    """
)

PLACES = _words(
    """
    adelaide alabama alaska albuquerque arizona arkansas atlanta auckland austin baltimore bangalore
    bangkok beijing belfast berlin birmingham boston brisbane bristol bronx brooklyn cairo calgary
    california cardiff chicago cincinnati cleveland colorado connecticut dallas delaware delhi denver
    detroit dhaka dublin edinburgh florida fresno georgia glasgow hawaii houston idaho illinois indiana
    iowa jakarta johannesburg kansas karachi kentucky lagos lahore leeds liverpool london louisiana madrid
    maine manchester manhattan manila maryland massachusetts melbourne memphis miami michigan milwaukee
    minneapolis minnesota mississippi missouri montana montreal mumbai nairobi nebraska nevada nyc oakland
    ohio oklahoma oregon orlando ottawa paris pennsylvania perth philadelphia phoenix pittsburgh portland
    queens rome sacramento seattle seoul shanghai singapore sydney tampa tennessee texas tokyo toronto
    tucson tulsa utah vancouver vermont virginia wisconsin wyoming
    """
)

PLACES_OF_TWO = (
    "new york|new jersey|new mexico|new hampshire|new orleans|north carolina|south carolina|north dakota|south dakota"
    "|west virginia|rhode island|los angeles|san francisco|san diego|san antonio|san jose|las vegas|el paso|fort worth"
    "|kansas city|salt lake city|st louis|st paul|new delhi|hong kong|cape town|kuala lumpur|mexico city|new zealand"
)

COUNTRIES = _words(
    """
    argentina australia austria belgium brazil canada chile china colombia croatia cuba denmark egypt england ethiopia
    finland france germany ghana greece hungary india indonesia iran iraq ireland israel italy jamaica japan kenya korea
    malaysia mexico morocco netherlands nigeria norway pakistan peru philippines poland portugal romania russia scotland
    serbia singapore spain sweden switzerland taiwan thailand turkey uganda ukraine usa us uk vietnam wales zimbabwe
    """
)
"""Known only where they follow a town: a country alone points at nobody."""

EMPLOYERS = _words(
    """
    accenture aldi amazon asda att boeing chipotle coles comcast costco cvs deloitte doordash facebook
    fedex google ikea infosys kfc kroger lidl lowe's lowes lyft macy's macys mcdonald's mcdonalds
    microsoft netflix nhs nike pepsi sainsburys starbucks subway target tesco tesla uber ups usps verizon
    walgreens walmart wells wendy's wendys wetherspoons woolworths
    """
)

NAMES_THAT_ARE_WORDS = _words(
    """
    austin bob brooke carol chad crystal dean frank holly jack jackson jade jasmine jay jean jordan lance lee
    lily madison mason melody miles nick olive peter phoenix ray rob robin roger rosemary ross sandy savannah sierra
    stella sydney ted troy virginia wade
    """
)
"""Given names that, without a capital or a cue, are read as words or places."""

SURNAMES_THAT_ARE_WORDS = _words(
    """
    black brooks bell butler baker carter cooper cox fisher ford foster fox freeman gardner grant hunt hunter mason
    mills moore palmer porter reed rice shaw snyder stone turner walker ward warren wood woods wright
    """
)

NOT_ORGANISATIONS = (
    NOT_NAMES
    | PLACES
    | _words(
        """
        aa aac bed cbt church class college counseling couples court dbt er family gp group gym hell home icu individual
        jail na rehab school sleep therapy university va
        """
    )
)
NOT_PLACES = NOT_NAMES | _words(
    """
    hell heaven earth facebook instagram tiktok zoom god jesus spring summer fall winter therapy recovery jan feb mar
    apr jun jul aug sept sep oct nov dec
    """
)
